"""z and noise by seed and index: our rule, and that of NVIDIA's scripts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def latent_z(z_dim: int, seed: int, indices: Sequence[int]) -> Tensor:
    """Standard normal latents, float32 [len(indices), z_dim]; row i depends on (seed, indices[i]) alone."""
    rows = [
        np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, int(i)]))).standard_normal(
            z_dim, dtype=np.float32
        )
        for i in indices
    ]
    return torch.from_numpy(np.stack(rows)) if rows else torch.zeros(0, z_dim)


def nvidia_latent_z(z_dim: int, seeds: Sequence[int]) -> Tensor:
    """The z of NVIDIA's scripts for these seeds, one RandomState each; float32 [len(seeds), z_dim], normal."""
    rows = [np.random.RandomState(seed).randn(z_dim) for seed in seeds]
    return torch.from_numpy(np.stack(rows).astype(np.float32)) if rows else torch.zeros(0, z_dim)


def latent_noise(shapes: Sequence[tuple[int, int]], seed: int, indices: Sequence[int]) -> list[Tensor]:
    """Noise maps float32 [len(indices), 1, h, w] for each (h, w); row i depends on (seed, indices[i]) alone; normal."""
    rows = []
    for i in indices:
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, int(i), 1])))
        rows.append([rng.standard_normal((1, h, w), dtype=np.float32) for h, w in shapes])
    return [torch.from_numpy(np.stack(maps)) for maps in zip(*rows, strict=True)]
