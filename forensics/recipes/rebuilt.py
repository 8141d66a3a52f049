"""Recipe `rebuilt`: photographs halved, and brought back by an up-sampler made of a generator's blocks.

The image is the photograph's, the trace is the up-sampler's: with the photographs themselves as the other class, what
tells the two apart is the trace alone. Photograph 0, 2, 4 … get the up-sampler of StyleGAN2's kind, the others that
of ProGAN's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch

from forensics.core.errors import CorpusError
from forensics.core.terminal import printable
from forensics.corpus.photographs.loading import square
from forensics.images import decode
from forensics.recipes.authentic import Authentic
from forensics.recipes.plan import Made
from forensics.recipes.upsampler import (
    KINDS,
    Upsampler,
    as_input,
    as_pixels,
    halved,
    load_upsampler,
)


@dataclass
class Rebuilt(Authentic):
    """The first `at_most` photographs under `folder`, framed as `authentic` frames them.

    `resolution` 0 is the shorter side of the smallest photograph: none is enlarged before it is rebuilt.
    """

    resolution: int = 0
    at_most: int = 1000
    name: ClassVar[str] = "rebuilt"
    _upsamplers: dict[str, tuple[Upsampler, str]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.resolution = self.resolution or self._smallest_px
        self.resolution -= self.resolution % 2
        if self.resolution < 2:
            raise CorpusError(f"{self.folder}: photographs of a single pixel cannot be halved")
        del self._paths[self.at_most :]
        self.count = len(self._paths)
        self._upsamplers = {kind: load_upsampler(kind) for kind in KINDS}

    def inputs(self) -> dict[str, str]:
        """The weights that decide the bytes."""
        return {f"upsampler {kind}": sha256 for kind, (_, sha256) in self._upsamplers.items()}

    def how(self) -> dict[str, Any]:
        """The photographs, and the up-samplers by hash."""
        return {**super().how(), **self.inputs()}

    @torch.inference_mode()
    def make(self, indices: Sequence[int]) -> Made:
        """Rebuilt photographs; the parent of each is the sha256 of the file it came from."""
        images, rows, below = [], [], self._below()
        for i in indices:
            photograph = decode(self._paths[i])
            kind = KINDS[i % len(KINDS)]
            network, sha256 = self._upsamplers[kind]
            whole = square(photograph.pixels, self.resolution)
            images.append(as_pixels(network(as_input(halved(whole)[None])))[0])
            params = {
                "index": int(i),
                "name": printable(below[i].as_posix()),
                "resolution": self.resolution,
                "upsampler": kind,
            }
            row = {"label": 1, "source": self.name, "generator": sha256, "recipe": self.name}
            rows.append({**row, "params": params, "parent": photograph.sha256})
        return Made(np.stack(images), rows, {})
