"""Degraded copies of an image whose draws depend on the image, a number and a seed, and on nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forensics.core.files import sha256_bytes
from forensics.detectors.fitting.augmentation import Augmentation

Pixels = NDArray[np.uint8]
SMALLEST_DEGRADED_PX = 96


def degraded(pixels: Pixels, sha256: str, draw: int, seed: int, augmentation: Augmentation) -> Pixels:
    """Draw 0 is the image as it is; any other passes `augmentation`, the same for both classes."""
    if draw == 0:
        return pixels
    digest = sha256_bytes(f"{seed} {draw} {sha256}".encode())
    rng = np.random.default_rng(int(digest[:16], 16))
    return augmentation.degrade(pixels, rng, min(SMALLEST_DEGRADED_PX, *pixels.shape[:2]))
