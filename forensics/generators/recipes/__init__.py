"""How a corpus is made: one file a recipe, each a plan that says what image `index` is, whatever was made before."""
