"""Recipes: how one image was made, one file a verb. Each registers itself; see `forensics.recipes.contract`."""
