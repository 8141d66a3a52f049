"""Feature inversion: a w first, then the feature maps at 32 px and the styles behind them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forensics.backbones.layer_distance import LayerDistance, load_layer_distance
from forensics.core.cards import Card
from forensics.core.errors import ForensicsError
from forensics.core.registry import register
from forensics.generators.base import Generator
from forensics.generators.inversion.contract import Code, Inversion, check_images
from forensics.generators.inversion.projector import WSearch
from forensics.generators.inversion.search import Search, Target, free, minimise

AT: Final = 32
RATE_OF_FEATURES: Final = 0.02
RATE_OF_STYLES: Final = 0.005
PERCEPTUAL: Final = 0.3
NEAR_W: Final = 0.01  # holds the features near what w gives, so that an edit of w still moves them
SHARE_OF_W: Final = 1 / 3  # of the steps
W_RATE: Final = 0.05


class FeatureSearch(Search):
    """F float32 [1, c, at, at], and the ws that the later layers take."""

    def __init__(self, generator: Generator, ws: Tensor, at: int) -> None:
        self.at = at
        with torch.no_grad():
            self.of_w = generator.synthesize_to(ws, at)
        self.features, self.ws = free([self.of_w, ws])

    def groups(self) -> list[dict[str, Any]]:
        """Features fast, styles slowly."""
        return [
            {"params": [self.features], "lr": RATE_OF_FEATURES},
            {"params": [self.ws], "lr": RATE_OF_STYLES},
        ]

    def code(self, t: float) -> Code:
        """Both as they are."""
        return Code(self.ws, None, self.features, self.at)

    def penalty(self, code: Code) -> Tensor | float:
        """How far the features are from those of w."""
        return NEAR_W * (self.features - self.of_w).square().mean()


@register(
    "inverter",
    "features",
    Card(
        "A w, then the feature maps at 32 px and the styles behind them, by gradient descent.",
        paper="after Wang et al. 2022, arXiv 2202.02183, and Pehlivan et al. 2023, arXiv 2212.14359",
        domain="generators that can be cut at a size: StyleGAN 1 and 2, progressive; an image of its size",
        defaults={"steps": 225, "at": AT, "near_w": NEAR_W},
        small_version_of="their encoders, by optimisation instead",
    ),
)
class Features:
    """The default for photographs: what w cannot say, the feature maps hold; the weights stay as they are."""

    steps = 225

    def invert(
        self, images: NDArray[np.uint8], generator: Generator, *, seed: int = 0, steps: int | None = None
    ) -> list[Inversion]:
        """One inversion an image of uint8 [n, H, W, 3] in [0, 255].

        ForensicsError: not the generator's size, or a generator without an F space.
        """
        count = self.steps if steps is None else steps
        check_images(images, generator, count)
        sizes = [size for size in generator.feature_sizes if size <= AT]
        if not sizes:
            raise ForensicsError(f"{generator.source}: has no feature maps to invert to; choose projector")
        distance = load_layer_distance(generator.device)
        return [_inverted(image, generator, distance, (seed, count, sizes[-1])) for image in images]


def _inverted(
    image: NDArray[np.uint8], generator: Generator, distance: LayerDistance, plan: tuple[int, int, int]
) -> Inversion:
    seed, steps, at = plan
    of_w = max(1, round(steps * SHARE_OF_W)) if steps > 1 else 0
    search = WSearch(generator, seed, with_noise=False, lr=W_RATE)
    ws = search.code(1.0).ws.detach()
    early: tuple[float, ...] = ()
    if of_w:
        code, early, _ = minimise(search, generator, Target(image, distance), of_w)
        ws = code.ws
    code, late, best = minimise(
        FeatureSearch(generator, ws, at), generator, Target(image, distance, PERCEPTUAL), steps - of_w
    )
    return Inversion(code, early + late, of_w + best, "features", generator)
