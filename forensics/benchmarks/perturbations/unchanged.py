"""`none`: the image as it was decoded, which every benchmark measures first."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from forensics.benchmarks.perturbations.contract import Draws, PerturbationMethod, Pixels
from forensics.core.cards import Card
from forensics.core.registry import register


@register("perturbation", "none", Card("The image as it was decoded.", domain="any image"))
class Unchanged(PerturbationMethod):
    """It has no strength."""

    meaning: ClassVar[str] = "as decoded"
    allowed: ClassVar[tuple[float, float]] = (0, 0)
    drawn: ClassVar[tuple[float, float]] = (0, 0)

    def apply(self, pixels: Pixels, strength: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
        """The same pixels, uint8 [H, W, 3]. Values in [0, 255]."""
        return pixels, {}
