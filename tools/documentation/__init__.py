"""What the documentation is made of: generated blocks, pages of the command line and of the modules, measurements."""
