"""Pictures of chosen seeds: one file a seed, sheets of them, and clips from one seed to the next."""
