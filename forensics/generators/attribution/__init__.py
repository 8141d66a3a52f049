"""Which network made an image: the seed it came from, found and proved by making the image again."""
