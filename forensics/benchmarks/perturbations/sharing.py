"""What happens to pictures that are passed on: a JPEG past at the size of an original, and messengers."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np

from forensics.benchmarks.perturbations.compression import jpeg
from forensics.benchmarks.perturbations.contract import Draws, PerturbationMethod, Pixels
from forensics.benchmarks.perturbations.geometry import scaled, sized
from forensics.core.cards import Card
from forensics.core.registry import register

_ORIGINAL_PX: Final = 1024
_LONGEST_PX: Final = 8192  # a strip is enlarged no further: of 1 x 30,000 px it would need 90 GB


@register(
    "perturbation",
    "history",
    Card("JPEG at the size of an original (shorter side 1024 px) and back: a past that survives being made smaller.",
         domain="any image"),
)  # fmt: skip
class History(PerturbationMethod):
    """Strength: quality. Where only one class has such a past (photographs kept as JPEG, samples as PNG, both then
    reduced), chroma alone tells the classes apart; with the same past for both, it no longer does."""

    meaning: ClassVar[str] = "JPEG at this quality at 1024 px, and back"
    allowed: ClassVar[tuple[float, float]] = (1, 100)
    drawn: ClassVar[tuple[float, float]] = (60, 95)

    def apply(self, pixels: Pixels, strength: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
        """uint8 [H, W, 3] of the same size. Values in [0, 255]."""
        height, width = pixels.shape[:2]
        scale = max(1.0, min(_ORIGINAL_PX / min(height, width), _LONGEST_PX / max(height, width)))
        original = sized(pixels, round(width * scale), round(height * scale))
        after, draws = jpeg(original, strength)
        del draws["subsampling"]  # of the original, not of what is examined
        return sized(after, width, height), {**draws, "original_px": min(original.shape[:2])}


@register(
    "perturbation",
    "messenger",
    Card(
        "What a messenger does: 50 to 90 % of each side, JPEG, and nothing else left in the file.",
        domain="any image",
    ),
)
class Messenger(PerturbationMethod):
    """Strength: quality."""

    meaning: ClassVar[str] = "50-90 % of each side, JPEG at this quality"
    allowed: ClassVar[tuple[float, float]] = (1, 100)
    drawn: ClassVar[tuple[float, float]] = (70, 70)

    def apply(self, pixels: Pixels, strength: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
        """uint8 [h, w, 3]. Values in [0, 255]."""
        percent = round(float(rng.uniform(50, 90)), 1)
        smaller, draws_of_scale = scaled(pixels, percent)
        after, draws = jpeg(smaller, strength)
        return after, {**draws_of_scale, **draws}
