"""Training images in memory, and the order in which a run shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class TrainingImages:
    """uint8 [n, r, r, 3], the sha256 over all of them (and their classes) in order, what was rejected (path, why)."""

    pixels: np.ndarray
    sha256: str
    rejected: tuple[tuple[str, str], ...] = ()
    labels: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))  # class of each image, or empty
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, indices: np.ndarray, mirrored: np.ndarray) -> Tensor:
        """Images at `indices`, flipped left to right where `mirrored`, float32 [n, 3, r, r] in [-1, 1]."""
        images = self.pixels[indices]
        images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
        return x.to(torch.float32) / 127.5 - 1

    def with_mirrored(self, places: np.ndarray) -> Tensor:
        """Images at `places` int64 [n] of twice as many, of which the second half are the mirror images: float32
        [n, 3, r, r] in [-1, 1]."""
        return self.batch(places % len(self), places >= len(self))

    def in_batches(self, *, mirror: bool, size: int = 32) -> Iterator[Tensor]:
        """All images, `size` at a time, and with `mirror` their mirror images after them: float32 [n, 3, r, r] in
        [-1, 1]."""
        n = len(self) * (2 if mirror else 1)
        for start in range(0, n, size):
            yield self.with_mirrored(np.arange(start, min(start + size, n)))


class Sampler:
    """Which images the k-th draw of a run shows: a fresh permutation an epoch, from (seed, epoch) alone.

    No state to save: a resumed run asks for the same positions and sees the same images.
    """

    def __init__(self, n: int, seed: int, *, mirror: bool) -> None:
        self.n, self.seed, self.mirror = n, seed, mirror
        self._epoch, self._order, self._flips = -1, np.empty(0, np.int64), np.empty(0, bool)

    def draw(self, position: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(indices int64 [n] from 0 on, mirrored bool [n]) of draws position ... position + count - 1."""
        chosen = [self._at(k) for k in range(position, position + count)]
        return np.array([c[0] for c in chosen]), np.array([c[1] for c in chosen])

    def _at(self, position: int) -> tuple[int, bool]:
        epoch, offset = divmod(position, self.n)
        if epoch != self._epoch:
            rng = np.random.default_rng([self.seed, 7, epoch])
            self._epoch, self._order = epoch, rng.permutation(self.n)
            self._flips = rng.random(self.n) < 0.5 if self.mirror else np.zeros(self.n, bool)
        return int(self._order[offset]), bool(self._flips[offset])
