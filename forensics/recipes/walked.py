"""Recipe `walked`: chains of small random steps in a latent space, starting from the mean of W.

After "Exploring Face Synthesis and Detection on a Pre-Trained Network with StyleGAN2" (Riter & Flynn, 2025):
500-image walks at step 0.01 from the mean of 10,000 w, one seed a walk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from forensics.core.cards import Card
from forensics.core.errors import ForensicsError
from forensics.core.registry import register
from forensics.corpus import SYNTHETIC, Row
from forensics.generators.base import Generator
from forensics.generators.w_statistics import WStatistics
from forensics.recipes.contract import RecipeBatch, RecipeInputs
from forensics.recipes.parts.blocks import NOISES, blocks, class_of, generator_how, noise_for
from forensics.recipes.parts.sources import OfGenerator, network_of
from forensics.recipes.parts.walk_spaces import SPACES, Space, space_of
from forensics.recipes.settings import defaults_of, setting

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


@dataclass(frozen=True)
class WalkSettings:
    """What `--set` changes."""

    walks: int = setting(1, "how many walks, each its own random stream", bounds=(1, 100_000))
    step: float = setting(
        0.01, "size of a step; in s in standard deviations of each style", bounds=(-1e6, 1e6)
    )
    space: str = setting("w", "latent space", choices=tuple(SPACES))
    direction: str = setting("gaussian", "how directions are drawn", choices=DIRECTIONS)
    noise: str = setting("const", "per-pixel noise", choices=NOISES)


@register(
    "recipe",
    "walked",
    Card("Chains of small random steps in a latent space, from the mean of W.",
         paper="Riter & Flynn 2025", domain="any generator", defaults=defaults_of(WalkSettings)),
)  # fmt: skip
@dataclass
class Walk(OfGenerator[WalkSettings]):
    """`walks` chains of `length` images each; image i is step i % length of walk i // length.

    A step adds `step` times a direction vector to the point in `space`: w, z, w+ or s (see `walk_spaces`); in S it is
    counted in standard deviations of each style. The points are kept as latents: w [n, w_dim] for W and Z, ws
    [n, num_ws, w_dim] for W+, s [n, s_dim] for S.
    """

    generator: Generator
    length: int = 500
    walks: int = 1
    step: float = 0.01
    space: str = "w"
    direction: str = "gaussian"
    seed: int = 0
    noise: str = "const"
    name: ClassVar[str] = "walked"
    family: ClassVar[str] = "sampled"
    settings: ClassVar[type] = WalkSettings
    _chains: dict[int, Tensor] = field(default_factory=dict, init=False, repr=False)
    _space: Space = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._space = space_of(self.space, self.generator, self.seed)
        if self.direction not in DIRECTIONS:
            raise ForensicsError(
                f"no direction model {self.direction!r}: choose one of {', '.join(DIRECTIONS)}"
            )
        if not np.isfinite(self.step):
            raise ForensicsError(f"a step of {self.step} leads nowhere: give a number")
        self.count = self.length * self.walks

    @classmethod
    def planned(cls, inputs: RecipeInputs, settings: WalkSettings) -> Walk:
        """`count` images in all, in walks of equal length. ForensicsError: they cannot be shared out."""
        length, rest = divmod(inputs.count, settings.walks)
        if rest or not length:
            raise ForensicsError(
                f"{inputs.count} images are no whole number of steps for each of {settings.walks} walks"
            )
        network = network_of(inputs)
        return cls(network, length, seed=inputs.seed, **vars(settings))

    def how(self) -> Mapping[str, Any]:
        """The recipe's numbers."""
        names = ("length", "walks", "step", "space", "direction", "seed", "noise")
        return {**generator_how(self.generator), **{name: getattr(self, name) for name in names}}

    @property
    def statistics(self) -> WStatistics:
        """Mean of W and mean distance to it, from 10,000 latents."""
        return self._space.statistics

    def chain(self, walk: int) -> Tensor:
        """The point of every step of a walk, float32 [length, ...]; step 0 is the start. Any value that is finite."""
        if walk not in self._chains:
            if len(self._chains) > 1:  # a block lies in at most a few walks, and they come in order
                self._chains.pop(min(self._chains))
            self._chains[walk] = self._chain(walk)
        return self._chains[walk]

    def _chain(self, walk: int) -> Tensor:
        steps = step_directions(self.direction, self.length, self._space.dim, self.seed, walk)
        # float64 sums: 500 float32 additions would drift with their order.
        moved = np.zeros((self.length, self._space.dim))
        np.cumsum(steps[:-1] * np.float32(self.step), axis=0, dtype=np.float64, out=moved[1:])
        return self._space.chain(walk, torch.from_numpy(moved.astype(np.float32)).to(self.generator.device))

    @torch.inference_mode()
    def make(self, indices: Sequence[int]) -> RecipeBatch:
        """Images, rows and latents (w, ws or s) at `indices`."""
        g = self.generator
        images, latents = [], []
        for block, places in blocks(g, indices):
            points = torch.stack([self._point(i) for i in block])
            x = self._space.synthesize(points, noise_for(g, self.noise, self.seed, block))
            images.append(g.to_uint8(x)[places])
            latents.append(points[places])
        chosen = torch.cat(latents)
        radius = self._space.radius(chosen)
        rows = [self._row(int(i), float(r)) for i, r in zip(indices, radius, strict=True)]
        return RecipeBatch(np.concatenate(images), rows, {self._space.latent: chosen.cpu().numpy()})

    def _point(self, index: int) -> Tensor:
        """Where image `index` is; past the end, where a block is filled up, where the last image is."""
        walk, position = divmod(min(index, self.count - 1), self.length)
        return self.chain(walk)[position]

    def _row(self, index: int, radius: float) -> Row:
        walk, position = divmod(index, self.length)
        params = {"walk": walk, "position": position, "radius": round(radius, 6), "index": index}
        params |= {name: getattr(self, name) for name in ("step", "space", "direction", "seed", "noise")}
        params |= class_of(self.generator)
        return Row(
            label=SYNTHETIC,
            family=self.family,
            source=self.generator.source,
            generator=self.generator.weights_sha256,
            recipe=self.name,
            params=params,
        )
