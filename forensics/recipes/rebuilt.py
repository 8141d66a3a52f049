"""Recipe `rebuilt`: photographs halved, and brought back by an up-sampler made of a generator's blocks.

The image is the photograph's, the trace is the up-sampler's: with the photographs themselves as the other class, what
tells the two apart is the trace alone. Photograph 0, 2, 4 … get the up-sampler of StyleGAN2's kind, the others that
of ProGAN's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import torch

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.corpus import SYNTHETIC, Row
from forensics.corpus.photographs.loading import square
from forensics.images import DecodedImage
from forensics.recipes.contract import RecipeBatch, RecipeInputs
from forensics.recipes.parts.photographs import find_photographs
from forensics.recipes.parts.sources import OfPhotographs, folder_of, how_of
from forensics.recipes.parts.upsampler import KINDS, as_input, as_pixels, halved, load_upsampler
from forensics.recipes.settings import defaults_of, setting

SMALLEST_PX: Final = 16


@dataclass(frozen=True)
class RebuiltSettings:
    """What `--set` changes."""

    resolution: int = setting(0, "pixels a side; 0: the shorter side of the smallest", bounds=(0, 8192))


@register(
    "recipe",
    "rebuilt",
    Card("Photographs halved and brought back by a small up-sampler of StyleGAN2's or ProGAN's kind.",
         paper="after Guillaro et al. 2025 (B-Free), arXiv 2412.17671",
         licence="Apache-2.0; the up-samplers: Apache-2.0", defaults=defaults_of(RebuiltSettings),
         small_version_of="B-Free's self-conditioned fakes"),
)  # fmt: skip
class Rebuilt(OfPhotographs[RebuiltSettings]):
    """The first `at_most` photographs under `folder`, framed as `authentic` frames them.

    `resolution` 0 is the shorter side of the smallest photograph: none is enlarged before it is rebuilt.
    """

    name: ClassVar[str] = "rebuilt"
    family: ClassVar[str] = "reconstructed"
    settings: ClassVar[type] = RebuiltSettings

    def __init__(self, folder: Path, resolution: int = 0, at_most: int = 1000) -> None:
        photographs = find_photographs(folder, SMALLEST_PX)
        pixels = max(resolution or photographs.smallest_px, SMALLEST_PX)
        super().__init__(photographs.first(at_most), pixels - pixels % 2)
        self._upsamplers = {kind: load_upsampler(kind) for kind in KINDS}

    @classmethod
    def planned(cls, inputs: RecipeInputs, settings: RebuiltSettings) -> Rebuilt:
        """The first photographs of the folder, at most `count`."""
        return cls(folder_of(cls.name, inputs), settings.resolution, inputs.count)

    def inputs(self) -> Mapping[str, str]:
        """The weights that decide the bytes."""
        return {f"upsampler {kind}": sha256 for kind, (_, sha256) in self._upsamplers.items()}

    def how(self) -> Mapping[str, Any]:
        """The photographs, and the up-samplers by hash."""
        return {**how_of(self.photographs, self.resolution), **self.inputs()}

    @torch.inference_mode()
    def make(self, indices: Sequence[int]) -> RecipeBatch:
        """Rebuilt photographs; the parent of each is the sha256 of the file it came from."""
        images, rows = [], []
        for i in indices:
            photograph = self.photographs.decode(i)
            network = self._upsamplers[KINDS[i % len(KINDS)]][0]
            whole = square(photograph.pixels, self.resolution)
            images.append(as_pixels(network(as_input(halved(whole)[None])))[0])
            rows.append(self._row(int(i), photograph))
        return RecipeBatch(np.stack(images), rows)

    def _row(self, index: int, photograph: DecodedImage) -> Row:
        kind = KINDS[index % len(KINDS)]
        params = {
            "index": index,
            "name": self.photographs.name(index),
            "resolution": self.resolution,
            "upsampler": kind,
        }
        return Row(
            label=SYNTHETIC,
            family=self.family,
            source=self.name,
            generator=self._upsamplers[kind][1],
            recipe=self.name,
            method=f"upsampler-{kind}",
            params=params,
            parents=(photograph.sha256,),
        )
