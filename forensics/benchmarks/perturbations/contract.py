"""What a perturbation promises, and the one form in which pixels and draws are passed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Draws = dict[str, float | int | str]


class PerturbationMethod(ABC):
    """One perturbation: what it does in words, the strengths it allows, those a bare name draws from, and how it is
    done. It treats an image by its pixels, the strength and the random numbers alone."""

    meaning: ClassVar[str]
    allowed: ClassVar[tuple[float, float]]
    drawn: ClassVar[tuple[float, float]]
    whole: ClassVar[bool] = True  # strengths are whole numbers

    @abstractmethod
    def apply(self, pixels: Pixels, strength: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
        """uint8 [H, W, 3] RGB after the perturbation, and all that was drawn or fixed. The input is not changed.

        Values in [0, 255].
        """


def rounded(values: NDArray[np.floating]) -> Pixels:
    """Levels as uint8, rounded and clipped to [0, 255], of any shape. float of any shape [n, ...] to uint8."""
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
