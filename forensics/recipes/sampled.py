"""Recipe `synthesis`: independent faces, z ~ N(0, 1) at truncation psi."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from forensics.generators.base import Generator, latent_z
from forensics.recipes.plan import Made, Plan, blocks, generator_how, noise_for


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
        images, latents = [], []
        for block, places in blocks(g, indices):
            z = latent_z(g.z_dim, self.seed, block).to(g.device)
            ws = g.map(z, psi=self.psi)
            images.append(g.to_uint8(g.synthesize(ws, noise_for(g, self.noise, self.seed, block)))[places])
            latents.append((z[places].cpu().numpy(), ws[places].cpu().numpy()))
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
        z_all, ws_all = (np.concatenate(parts) for parts in zip(*latents, strict=True))
        return Made(np.concatenate(images), rows, {"z": z_all, "ws": ws_all})
