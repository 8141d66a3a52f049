"""Recipe `walk`: chains of small random steps in W (or Z), starting from the mean of W.

After "Exploring Face Synthesis and Detection on a Pre-Trained Network with StyleGAN2" (Riter & Flynn, 2025):
500-image walks at step 0.01 from the mean of 10,000 w, one seed a walk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from forensics.errors import ForensicsError
from forensics.generators.base import Generator
from forensics.generators.interrogate.w_statistics import WStatistics, w_statistics
from forensics.generators.recipes.plan import Made, Plan, blocks, generator_how, noise_for

_MOMENTUM = 0.9
DIRECTIONS = ("gaussian", "momentum", "fixed")


def step_directions(model: str, n: int, dim: int, seed: int, walk: int) -> np.ndarray:
    """The n directions of a walk, float32 [n, dim], each N(0, 1) a dimension.

    gaussian: independent; momentum: each keeps 0.9 of the last (unit variance kept); fixed: the first, repeated.
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, 1, walk])))
    drawn = rng.standard_normal((n, dim), dtype=np.float32)
    if model == "fixed":
        return np.broadcast_to(drawn[:1], drawn.shape)
    if model == "momentum":
        for k in range(1, n):
            drawn[k] = _MOMENTUM * drawn[k - 1] + np.float32(np.sqrt(1 - _MOMENTUM**2)) * drawn[k]
    elif model != "gaussian":
        raise ForensicsError(f"no direction model {model!r}: choose one of {', '.join(DIRECTIONS)}")
    return drawn


@dataclass
class Walk(Plan):
    """`walks` chains of `length` images each; image i is step i % length of walk i // length.

    A step adds `step` times a direction vector to w (or to z). In W a walk starts at the mean of 10,000 w; in Z, at
    a latent of its own, as the mean of Z maps to no face.
    """

    generator: Generator
    length: int = 500
    walks: int = 1
    step: float = 0.01
    space: str = "w"
    direction: str = "gaussian"
    seed: int = 0
    noise: str = "const"
    name: ClassVar[str] = "walk"
    _chains: dict[int, Tensor] = field(default_factory=dict, init=False, repr=False)
    _statistics: WStatistics | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.space not in ("w", "z"):
            raise ForensicsError(f"no latent space {self.space!r} to walk in: choose w or z")
        if self.direction not in DIRECTIONS:
            raise ForensicsError(
                f"no direction model {self.direction!r}: choose one of {', '.join(DIRECTIONS)}"
            )
        self.count = self.length * self.walks

    def how(self) -> dict[str, Any]:
        """The recipe's numbers."""
        names = ("length", "walks", "step", "space", "direction", "seed", "noise")
        return {**generator_how(self.generator), **{name: getattr(self, name) for name in names}}

    @property
    def statistics(self) -> WStatistics:
        """Mean of W and mean distance to it, from 10,000 latents."""
        if self._statistics is None:
            self._statistics = w_statistics(self.generator)
        return self._statistics

    def chain(self, walk: int) -> Tensor:
        """The w of every step of a walk, float32 [length, w_dim]; step 0 is the start."""
        if walk not in self._chains:
            if len(self._chains) > 1:  # a block lies in at most a few walks, and they come in order
                self._chains.pop(min(self._chains))
            self._chains[walk] = self._chain(walk)
        return self._chains[walk]

    def _chain(self, walk: int) -> Tensor:
        g = self.generator
        dim = g.w_dim if self.space == "w" else g.z_dim
        steps = step_directions(self.direction, self.length, dim, self.seed, walk) * np.float32(self.step)
        # float64 sums: 500 float32 additions would drift with their order.
        offsets = np.concatenate([np.zeros((1, dim)), np.cumsum(steps[:-1], axis=0, dtype=np.float64)])
        moved = torch.from_numpy(offsets.astype(np.float32)).to(g.device)
        if self.space == "w":
            return self.statistics.mean + moved
        return g.map(g.sample_z(1, self.seed, start=walk) + moved)[:, 0]

    @torch.inference_mode()
    def make(self, indices: Sequence[int]) -> Made:
        """Images, rows and latents (w [n, w_dim]) at `indices`."""
        g = self.generator
        images, latents = [], []
        for block, places in blocks(g, indices):
            w = torch.stack([self._w(i) for i in block])
            ws = w[:, None].expand(-1, g.num_ws, -1)
            images.append(g.to_uint8(g.synthesize(ws, noise_for(g, self.noise, self.seed, block)))[places])
            latents.append(w[places])
        chosen = torch.cat(latents)
        radius = self.statistics.radius(chosen)
        rows = [self._row(int(i), float(r)) for i, r in zip(indices, radius, strict=True)]
        return Made(np.concatenate(images), rows, {"w": chosen.cpu().numpy()})

    def _w(self, index: int) -> Tensor:
        """The w of image `index`; past the end, where a block is filled up, that of the last image."""
        walk, position = divmod(min(index, self.count - 1), self.length)
        return self.chain(walk)[position]

    def _row(self, index: int, radius: float) -> dict[str, Any]:
        walk, position = divmod(index, self.length)
        params = {"walk": walk, "position": position, "radius": round(radius, 6), "index": index}
        params |= {name: getattr(self, name) for name in ("step", "space", "direction", "seed", "noise")}
        g = self.generator
        return {
            "label": 1, "source": g.source, "generator": g.weights_sha256, "recipe": self.name, "params": params,
        }  # fmt: skip
