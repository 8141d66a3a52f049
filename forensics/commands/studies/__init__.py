"""Commands that do a published study on a generator."""
