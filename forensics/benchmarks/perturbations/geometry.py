"""Size and frame: resized and back, resized, cropped."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from PIL import Image

from forensics.benchmarks.perturbations.contract import Draws, PerturbationMethod, Pixels
from forensics.core.cards import Card
from forensics.core.registry import register


def sized(pixels: Pixels, width: int, height: int) -> Pixels:
    """uint8 [height, width, 3], at least a pixel each way (Pillow, bicubic)."""
    size = max(1, width), max(1, height)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def scaled(pixels: Pixels, percent: float) -> tuple[Pixels, Draws]:
    """uint8 [H, W, 3] at this percentage of each side, and what was set. Values in [0, 255]."""
    height, width = (round(side * percent / 100) for side in pixels.shape[:2])
    return sized(pixels, width, height), {"percent": percent, "filter": "bicubic"}


@register(
    "perturbation", "scale", Card("Resized to a percentage of each side (bicubic).", domain="any image")
)
class Scale(PerturbationMethod):
    """Strength: per cent of each side."""

    meaning: ClassVar[str] = "to this percentage of each side"
    allowed: ClassVar[tuple[float, float]] = (5, 400)
    drawn: ClassVar[tuple[float, float]] = (25, 150)

    def apply(self, pixels: Pixels, strength: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
        """uint8 [h, w, 3]. Values in [0, 255]."""
        return scaled(pixels, strength)


@register(
    "perturbation",
    "resize",
    Card("Resized to a percentage of each side and back (bicubic).", domain="any image"),
)
class Resize(PerturbationMethod):
    """Strength: per cent of each side in between."""

    meaning: ClassVar[str] = "to this percentage of each side, and back"
    allowed: ClassVar[tuple[float, float]] = (5, 400)
    drawn: ClassVar[tuple[float, float]] = (25, 150)

    def apply(self, pixels: Pixels, strength: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
        """uint8 [H, W, 3] of the same size. Values in [0, 255]."""
        between, draws = scaled(pixels, strength)
        return sized(between, pixels.shape[1], pixels.shape[0]), draws


@register(
    "perturbation",
    "crop",
    Card("A frame of a percentage of each side, cut out anywhere in the image.", domain="any image"),
)
class Crop(PerturbationMethod):
    """Strength: per cent of each side that stays."""

    meaning: ClassVar[str] = "this percentage of each side kept, anywhere"
    allowed: ClassVar[tuple[float, float]] = (5, 100)
    drawn: ClassVar[tuple[float, float]] = (50, 95)

    def apply(self, pixels: Pixels, strength: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
        """uint8 [h, w, 3], contiguous. Values in [0, 255]."""
        height, width = (max(1, round(side * strength / 100)) for side in pixels.shape[:2])
        top = int(rng.integers(0, pixels.shape[0] - height + 1))
        left = int(rng.integers(0, pixels.shape[1] - width + 1))
        frame = pixels[top : top + height, left : left + width]
        return np.ascontiguousarray(frame), {"percent": strength, "top": top, "left": left}
