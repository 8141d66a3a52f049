"""Linear encoders: from an image to the w of one generator, in closed form, made of that generator's own images."""
