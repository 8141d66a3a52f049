"""Lossy compression: JPEG, WebP, and JPEG twice over grids that differ."""

from __future__ import annotations

import io
from typing import ClassVar

import numpy as np
from PIL import Image

from forensics.benchmarks.perturbations.contract import Draws, PerturbationMethod, Pixels
from forensics.core.cards import Card
from forensics.core.registry import register


def encoded(pixels: Pixels, **options: object) -> Pixels:
    """uint8 [H, W, 3] as Pillow decodes what it encoded with `options`. Values in [0, 255]."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, **options)  # type: ignore[arg-type]
    with Image.open(buffer) as image:
        return np.asarray(image.convert("RGB"))


def jpeg(pixels: Pixels, quality: float) -> tuple[Pixels, Draws]:
    """uint8 [H, W, 3] through JPEG with 4:2:0 chroma, and what was set. Values in [0, 255]."""
    after = encoded(pixels, format="JPEG", quality=int(quality), subsampling="4:2:0")
    return after, {"quality": int(quality), "subsampling": "4:2:0"}


@register("perturbation", "jpeg", Card("JPEG at one quality with 4:2:0 chroma.", domain="any image"))
class Jpeg(PerturbationMethod):
    """Strength: quality."""

    meaning: ClassVar[str] = "JPEG at this quality, 4:2:0"
    allowed: ClassVar[tuple[float, float]] = (1, 100)
    drawn: ClassVar[tuple[float, float]] = (30, 95)

    def apply(self, pixels: Pixels, strength: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
        """uint8 [H, W, 3] of the same size. Values in [0, 255]."""
        return jpeg(pixels, strength)


@register("perturbation", "webp", Card("Lossy WebP at one quality.", domain="any image"))
class WebP(PerturbationMethod):
    """Strength: quality."""

    meaning: ClassVar[str] = "lossy WebP at this quality"
    allowed: ClassVar[tuple[float, float]] = (1, 100)
    drawn: ClassVar[tuple[float, float]] = (30, 95)

    def apply(self, pixels: Pixels, strength: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
        """uint8 [H, W, 3] of the same size. Values in [0, 255]."""
        after = encoded(pixels, format="WEBP", quality=int(strength), method=4)
        return after, {"quality": int(strength)}


@register(
    "perturbation",
    "doublejpeg",
    Card("JPEG, then 1 to 7 rows and columns off the top left so that the block grids differ, then JPEG again.",
         domain="any image"),
)  # fmt: skip
class DoubleJpeg(PerturbationMethod):
    """Strength: quality of the second time."""

    meaning: ClassVar[str] = "JPEG 75-95, off the grid, JPEG at this quality"
    allowed: ClassVar[tuple[float, float]] = (1, 100)
    drawn: ClassVar[tuple[float, float]] = (50, 95)

    def apply(self, pixels: Pixels, strength: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
        """uint8 [H, W, 3], up to 7 pixels smaller each way. Values in [0, 255]."""
        first = int(rng.integers(75, 96))
        dy, dx = (int(rng.integers(1, 8)) if side > 8 else 0 for side in pixels.shape[:2])
        between = np.ascontiguousarray(jpeg(pixels, first)[0][dy:, dx:])
        after, draws = jpeg(between, strength)
        return after, {**draws, "first_quality": first, "dy": dy, "dx": dx}
