"""The heads that make the faces of `ffhq-1024` at smaller sizes: how they were found, and what they are worth."""
