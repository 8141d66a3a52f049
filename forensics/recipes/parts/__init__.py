"""What recipes are built of: photographs, latent spaces, up-samplers, blocks of images."""
