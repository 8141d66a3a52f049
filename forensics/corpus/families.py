"""The family of an image: what kind of thing was done to a face, in the words that detectors and reports use.

A row of a corpus says it by its recipe. Of a foreign tree, folder names and what a list beside it says of the
generator decide: names of diffusion models make it `sampled:diffusion`, any others `sampled:gan`.
"""

from __future__ import annotations

import re
from typing import Final

from forensics.corpus.rows import AUTHENTIC, Row

SAMPLED_GAN: Final = "sampled:gan"
SAMPLED_DIFFUSION: Final = "sampled:diffusion"
AUTHENTIC_FAMILY: Final = "authentic"
_DIFFUSION: Final = re.compile(
    r"(?<![a-z])(?:sd[-_ ]?[123x]|sdxl|stable[-_ ]?diffusion|latent|diffusion|ddpm|ddim|flux|dall[-_ ]?e|imagen"
    r"|midjourney|kandinsky|pixart|taef[12]|taesd|vae)",
    re.IGNORECASE,
)
# What a recipe makes; those that are not here are of the family that is called as they are.
_OF_RECIPE: Final = {
    "sampled": SAMPLED_GAN,
    "walked": SAMPLED_GAN,
    "mixed": SAMPLED_GAN,
    "inverted": "reconstructed",
    "rebuilt": SAMPLED_DIFFUSION,  # an up-sampler's trace on a photograph, as a latent decoder leaves one
}


def family_of(row: Row) -> str:
    """The family of a row of a manifest, or of one of a foreign tree."""
    if row.label == AUTHENTIC:
        return AUTHENTIC_FAMILY
    if row.recipe:
        return _OF_RECIPE.get(row.recipe, row.recipe)
    words = f"{row.source} {row.params.get('generator', '')}"
    return SAMPLED_DIFFUSION if _DIFFUSION.search(words) else SAMPLED_GAN
