"""Levels: blurred, with noise, along another tone curve."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from forensics.benchmarks.perturbations.contract import Draws, PerturbationMethod, Pixels, rounded
from forensics.core.cards import Card
from forensics.core.registry import register


@register("perturbation", "blur", Card("Gaussian blur.", domain="any image"))
class Blur(PerturbationMethod):
    """Strength: sigma in pixels."""

    meaning: ClassVar[str] = "Gaussian of this sigma in pixels"
    allowed: ClassVar[tuple[float, float]] = (0.1, 20)
    drawn: ClassVar[tuple[float, float]] = (0.5, 3)
    whole: ClassVar[bool] = False

    def apply(self, pixels: Pixels, strength: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
        """uint8 [H, W, 3] of the same size. Values in [0, 255]."""
        from scipy.ndimage import gaussian_filter

        after = gaussian_filter(pixels.astype(np.float32), sigma=(strength, strength, 0))
        return rounded(after), {"sigma_px": strength}


@register(
    "perturbation",
    "noise",
    Card("Gaussian noise, independent in every pixel and channel.", domain="any image"),
)
class Noise(PerturbationMethod):
    """Strength: sigma in levels of 255."""

    meaning: ClassVar[str] = "Gaussian of this sigma in grey levels"
    allowed: ClassVar[tuple[float, float]] = (0.1, 100)
    drawn: ClassVar[tuple[float, float]] = (2, 16)
    whole: ClassVar[bool] = False

    def apply(self, pixels: Pixels, strength: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
        """uint8 [H, W, 3] of the same size. Values in [0, 255]."""
        grain = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(strength)
        return rounded(pixels + grain), {"sigma_levels": strength}


@register(
    "perturbation", "gamma", Card("Another tone curve: every value in [0, 1] to a power.", domain="any image")
)
class Gamma(PerturbationMethod):
    """Strength: the power."""

    meaning: ClassVar[str] = "values to this power"
    allowed: ClassVar[tuple[float, float]] = (0.1, 10)
    drawn: ClassVar[tuple[float, float]] = (0.6, 1.6)
    whole: ClassVar[bool] = False

    def apply(self, pixels: Pixels, strength: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
        """uint8 [H, W, 3] of the same size. Values in [0, 255]."""
        table = rounded(255 * (np.arange(256) / 255) ** strength)
        return np.take(table, pixels), {"gamma": strength}
