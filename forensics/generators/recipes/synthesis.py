"""Recipe `synthesis`: independent faces, z ~ N(0, 1) at truncation psi."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from forensics.generators.base import Generator, latent_z
from forensics.generators.recipes.plan import Made, Plan, generator_how, noise_for

_BATCH = 16


@dataclass
class Synthesis(Plan):
    """`count` faces of `seed`; image i has z from (seed, i). `noise` is const, random (by seed and i) or none."""

    generator: Generator
    count: int
    seed: int = 0
    psi: float = 0.7
    noise: str = "const"
    name: ClassVar[str] = "synthesis"

    def how(self) -> dict[str, Any]:
        """The recipe's numbers."""
        return {**generator_how(self.generator), "seed": self.seed, "psi": self.psi, "noise": self.noise}

    @torch.inference_mode()
    def make(self, indices: Sequence[int]) -> Made:
        """Images, rows and latents (z [n, z_dim], ws [n, num_ws, w_dim]) at `indices`."""
        g = self.generator
        z = latent_z(g.z_dim, self.seed, indices).to(g.device)
        ws = g.map(z, psi=self.psi)
        images = []
        for start in range(0, len(indices), _BATCH):
            part = slice(start, start + _BATCH)
            noise = noise_for(g, self.noise, self.seed, indices[part])
            images.append(torch.from_numpy(g.to_uint8(g.synthesize(ws[part], noise))))
        rows = [
            {
                "label": 1,
                "source": g.source,
                "generator": g.weights_sha256,
                "recipe": self.name,
                "params": {"seed": self.seed, "index": int(i), "psi": self.psi, "noise": self.noise},
            }
            for i in indices
        ]
        return Made(
            torch.cat(images).numpy(), rows, {"z": z.cpu().numpy(), "ws": ws.contiguous().cpu().numpy()}
        )
