"""Recipe `sampled`: independent faces, z ~ N(0, 1) at truncation psi."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.corpus import SYNTHETIC, Row
from forensics.generators.base import Generator
from forensics.generators.latents import latent_z
from forensics.recipes.contract import RecipeBatch, RecipeInputs
from forensics.recipes.parts.blocks import NOISES, blocks, class_of, generator_how, noise_for
from forensics.recipes.parts.sources import OfGenerator, network_of
from forensics.recipes.settings import defaults_of, setting


@dataclass(frozen=True)
class SampledSettings:
    """What `--set` changes."""

    psi: float = setting(0.7, "truncation: 1 is the full variety, 0 the mean face", bounds=(-2, 2))
    noise: str = setting("const", "per-pixel noise", choices=NOISES)


@register(
    "recipe",
    "sampled",
    Card("Independent faces of a generator: z of (seed, index), truncated towards the mean of W by psi.",
         paper="Karras et al. 2019, arXiv 1812.04948, section 5", domain="any generator",
         defaults=defaults_of(SampledSettings)),
)  # fmt: skip
@dataclass
class Sampled(OfGenerator[SampledSettings]):
    """`count` faces of `seed`; image i has z from (seed, i). `noise` is const, random (by seed and i) or none."""

    generator: Generator
    count: int
    seed: int = 0
    psi: float = 0.7
    noise: str = "const"
    name: ClassVar[str] = "sampled"
    family: ClassVar[str] = "sampled"
    settings: ClassVar[type] = SampledSettings

    @classmethod
    def planned(cls, inputs: RecipeInputs, settings: SampledSettings) -> Sampled:
        """`count` faces of the generator."""
        network = network_of(inputs)
        return cls(network, inputs.count, inputs.seed, settings.psi, settings.noise)

    def how(self) -> Mapping[str, Any]:
        """The recipe's numbers."""
        return {**generator_how(self.generator), "seed": self.seed, "psi": self.psi, "noise": self.noise}

    @torch.inference_mode()
    def make(self, indices: Sequence[int]) -> RecipeBatch:
        """Images, rows and latents (z [n, z_dim], ws [n, num_ws, w_dim]) at `indices`."""
        g = self.generator
        images, z_parts, ws_parts = [], [], []
        for block, places in blocks(g, indices):
            z = latent_z(g.z_dim, self.seed, block).to(g.device)
            ws = g.map(z, psi=self.psi)
            images.append(g.to_uint8(g.synthesize(ws, noise_for(g, self.noise, self.seed, block)))[places])
            z_parts.append(z[places].cpu().numpy())
            ws_parts.append(ws[places].cpu().numpy())
        latents = {"z": np.concatenate(z_parts), "ws": np.concatenate(ws_parts)}
        return RecipeBatch(np.concatenate(images), [self._row(int(i)) for i in indices], latents)

    def _row(self, index: int) -> Row:
        return Row(
            label=SYNTHETIC,
            family=self.family,
            source=self.generator.source,
            generator=self.generator.weights_sha256,
            recipe=self.name,
            params={"seed": self.seed, "index": index, "psi": self.psi, "noise": self.noise}
            | class_of(self.generator),
        )
