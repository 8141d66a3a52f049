"""Commands that make corpora and look after them."""
