"""Commands about what is installed: networks, methods, the machine, a first look."""
