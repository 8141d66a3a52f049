"""Image2StyleGAN: a w of its own for every layer (W+)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forensics.backbones.layer_distance import load_layer_distance
from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.base import Generator
from forensics.generators.inversion.contract import Code, Inversion, check_images
from forensics.generators.inversion.search import Search, Target, free, minimise

RATE: Final = 0.03


class WPlusSearch(Search):
    """ws float32 [1, num_ws, w_dim], each layer free."""

    def __init__(self, generator: Generator) -> None:
        (self.ws,) = free([generator.w_avg.expand(1, generator.num_ws, -1)])

    def groups(self) -> list[dict[str, Any]]:
        """All layers at one rate."""
        return [{"params": [self.ws], "lr": RATE}]

    def code(self, t: float) -> Code:
        """The ws as they are."""
        return Code(self.ws)


@register(
    "inverter",
    "image2stylegan",
    Card(
        "A w for every layer (W+), by gradient descent from the mean.",
        paper="Abdal et al. 2019, arXiv 1904.03189",
        domain="any generator that loads; an image of its size",
        defaults={"steps": 300, "lr": RATE},
        small_version_of="the published method: 5,000 steps at rate 0.01, and VGG16's distance",
    ),
)
class Image2StyleGAN:
    """W+. More faithful than W, and farther from where the generator's own images lie."""

    steps = 300

    def invert(
        self, images: NDArray[np.uint8], generator: Generator, *, seed: int = 0, steps: int | None = None
    ) -> list[Inversion]:
        """One inversion an image of uint8 [n, H, W, 3] in [0, 255]; nothing is drawn, so the seed changes nothing."""
        count = self.steps if steps is None else steps
        check_images(images, generator, count)
        distance = load_layer_distance(generator.device)
        inversions = []
        for image in images:
            code, losses, best = minimise(WPlusSearch(generator), generator, Target(image, distance), count)
            inversions.append(Inversion(code, losses, best, "image2stylegan", generator))
        return inversions
