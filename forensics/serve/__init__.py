"""`forensics serve`: a local page to drop photographs on, and the same questions over REST."""
