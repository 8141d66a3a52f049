"""Networks that others trained and published in packages: which ones, how they are fetched, where they are kept."""
