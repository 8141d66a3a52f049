"""From an image back to latent codes: the contract, the search, and one file a published method."""
