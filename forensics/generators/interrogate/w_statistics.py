"""The centre and the scale of W: what radius is measured against."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from forensics.generators.base import Generator

_BATCH = 1000


@dataclass(frozen=True)
class WStatistics:
    """`mean` [w_dim] of f(z), and `mean_distance`, the mean of |f(z) - mean|, over n latents."""

    mean: Tensor
    mean_distance: float
    n: int

    def radius(self, w: Tensor) -> Tensor:
        """|w - mean| in units of the mean distance, for w [n, w_dim]."""
        distance: Tensor = (w - self.mean).norm(dim=1)
        return distance / self.mean_distance


@torch.inference_mode()
def w_statistics(generator: Generator, n: int = 10_000, seed: int = 0) -> WStatistics:
    """Statistics of w over `n` latents of `seed` (the first layer's w where a network gives each layer its own)."""
    parts = [
        generator.map(generator.sample_z(min(_BATCH, n - start), seed, start=start))[:, 0]
        for start in range(0, n, _BATCH)
    ]
    w = torch.cat(parts)
    mean = w.mean(dim=0)
    return WStatistics(mean, float((w - mean).norm(dim=1).mean()), n)
