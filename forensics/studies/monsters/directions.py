"""Directions in which a generator leaves its faces: in W at random, towards latents it maps to, along its principal
components and single dimensions, and along single channels of S. Every point is a direction and a radius."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from forensics.generators.base import Generator
from forensics.generators.labels import labels_in_turn
from forensics.generators.w_statistics import s_statistics, w_statistics
from forensics.studies.monsters.plan import ALL, MonsterPlan

FAMILIES = {
    "random": "random in W",
    "mapped": "towards f(z)",
    "component": "principal components of W",
    "dimension": "single dimensions of W",
    "style": "single channels of S",
}
_MAPPED_START = 1_000_000  # the latents of the family `mapped`, far from those that w_avg is the mean of
_BATCH, _MAPPING_BATCH, _SAMPLES = 16, 1000, 10_000


@dataclass(frozen=True)
class Direction:
    """A half-line from w_avg: `index` within its `family`, `sign` +1 or -1, `space` "w" or "s", `layer` of a style
    channel; of the family "plane" `angle` in degrees from the first principal component to the second."""

    family: str
    index: int
    sign: int = 1
    space: str = "w"
    layer: str = ""
    angle: float = 0.0

    def key(self) -> dict[str, Any]:
        """The fields by which rows name it."""
        return {name: getattr(self, name) for name in ("family", "index", "sign", "space", "layer")}

    @property
    def label(self) -> str:
        """A few words for a caption."""
        sign = "+" if self.sign > 0 else "\N{MINUS SIGN}"
        names = {
            "random": f"random {self.index}",
            "mapped": f"f(z) {self.index}",
            "component": f"{sign} component {self.index + 1}",
            "dimension": f"{sign} w[{self.index}]",
            "style": f"{sign} s[{self.index}], {self.layer}",
            "plane": f"{self.angle:g}°",
        }
        return names[self.family]


Point = tuple[Direction, float]


@torch.inference_mode()
def w_sample(generator: Generator, n: int, seed: int = 0, start: int = 0) -> Tensor:
    """w of latents start ... of `seed`, float32 [n, w_dim]: the first layer's, classes in turn where there are any."""
    parts = []
    for first in range(start, start + n, _MAPPING_BATCH):
        count = min(_MAPPING_BATCH, start + n - first)
        z = generator.sample_z(count, seed, start=first)
        parts.append(generator.map(z, labels_in_turn(generator, first, count))[:, 0])
    return torch.cat(parts)


class Latents:
    """The centre, scale and axes of a generator's W and S, and images of points in them."""

    @torch.inference_mode()
    def __init__(self, generator: Generator, plan: MonsterPlan) -> None:
        self.generator, self.plan = generator, plan
        self.statistics, self.styles = w_statistics(generator), s_statistics(generator)
        self.covariance = torch.cov(w_sample(generator, _SAMPLES).double().T).reshape(generator.w_dim, -1)
        values, vectors = torch.linalg.eigh(self.covariance)
        self.variances = values.flip(0).clamp_min(0)
        axes = vectors.flip(1).T
        # An eigenvector's sign is arbitrary: its largest entry is made positive.
        largest = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))
        self.axes = (axes * largest.sign()).float()

    def _ws(self, w: Tensor) -> Tensor:
        return w[:, None].expand(-1, self.generator.num_ws, -1)

    def directions(self, family: str) -> list[Direction]:
        """The directions of a family that the plan asks for, always in the same order."""
        wanted = self.plan
        if family in ("random", "mapped"):
            return [Direction(family, i) for i in range(getattr(wanted, family))]
        if family == "style":
            return [
                Direction(family, i, sign, "s", layer) for i, layer in self._channels() for sign in (1, -1)
            ]
        size = self.generator.w_dim
        count = wanted.components if family == "component" else wanted.dimensions
        chosen = list(range(size if count == ALL else min(count, size)))
        if family == "dimension" and count != ALL:
            chosen = sorted(self._rng(4).permutation(size)[:count].tolist())
        return [Direction(family, i, sign) for i in chosen for sign in (1, -1)]

    def _channels(self) -> list[tuple[int, str]]:
        """(channel, layer) of the style channels asked for: drawn evenly from all layers."""
        layers = [name for name, size in self.generator.style_sizes.items() for _ in range(size)]
        count = len(layers) if self.plan.styles == ALL else self.plan.styles
        rng = self._rng(5)
        ranks = np.concatenate([rng.permutation(size) for size in self.generator.style_sizes.values()])
        order = np.argsort(ranks, kind="stable")[:count]
        return [(int(i), layers[i]) for i in sorted(order.tolist())]

    def _rng(self, *words: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(np.random.SeedSequence([self.plan.seed, *words])))

    def unit(self, direction: Direction) -> Tensor:
        """The move of radius 1 in the direction, [w_dim] or [s_dim]."""
        if direction.space == "s":
            unit = torch.zeros_like(self.styles.centre)
            unit[direction.index] = self.styles.mean_distance * self.styles.spread[direction.index]
        else:
            along = self._axis(direction)
            unit = self.statistics.mean_distance * along / along.norm()
        return unit if direction.sign > 0 else -unit

    def _axis(self, direction: Direction) -> Tensor:
        """A vector [w_dim] of any length along a direction of W whose sign is +."""
        kind, i = direction.family, direction.index
        axis = torch.zeros_like(self.statistics.mean)
        if kind == "component":
            axis = self.axes[i]
        elif kind == "plane":
            angle = float(np.deg2rad(direction.angle))
            axis = self.axes[0] * float(np.cos(angle)) + self.axes[1] * float(np.sin(angle))
        elif kind == "mapped":
            axis = w_sample(self.generator, 1, self.plan.seed, _MAPPED_START + i)[0] - self.statistics.mean
        elif kind == "dimension":
            axis[i] = 1.0
        else:
            axis[:] = torch.from_numpy(self._rng(2, i).standard_normal(len(axis), dtype=np.float32))
        return axis

    def deviation(self, direction: Direction) -> float:
        """Standard deviation of the latents of z along the direction, in radii: its natural unit."""
        if direction.space == "s":
            return 1 / self.styles.mean_distance
        unit = self.unit(direction).double()
        return float((unit @ self.covariance @ unit).clamp_min(0).sqrt()) / self.statistics.mean_distance**2

    @property
    def batch(self) -> int:
        """Images made at a time: 16 up to 256 px, fewer above."""
        return max(1, min(_BATCH, _BATCH * 256**2 // self.generator.img_resolution**2))

    @torch.inference_mode()
    def images(self, points: Sequence[Point]) -> np.ndarray:
        """Images of points with constant noise, uint8 [n, h, w, 3], in order."""
        images: dict[int, np.ndarray] = {}
        for space, centre in (("w", self.statistics.mean), ("s", self.styles.centre)):
            at = [k for k, (direction, _) in enumerate(points) if direction.space == space]
            if at:
                units = {points[k][0]: self.unit(points[k][0]) for k in at}
                moved = torch.stack([centre + points[k][1] * units[points[k][0]] for k in at])
                images |= dict(zip(at, self.images_of(moved, space), strict=True))
        return np.stack([images[k] for k in range(len(points))])

    @torch.inference_mode()
    def images_of(self, latents: Tensor, space: str = "w") -> np.ndarray:
        """Images of w [n, w_dim], the same in every layer, or of s [n, s_dim]: uint8 [n, h, w, 3]."""
        batches = []
        for part in torch.split(latents, self.batch):
            # A network's last bits depend on the size of its batch: every batch is filled up.
            full = torch.cat([part, part[-1:].expand(self.batch - len(part), -1)])
            x = (
                self.generator.synthesize(self._ws(full))
                if space == "w"
                else self.generator.synthesize_from_styles(full)
            )
            batches.append(self.generator.to_uint8(x)[: len(part)])
        pixels = np.concatenate(batches)
        return pixels if pixels.shape[3] == 3 else np.repeat(pixels[..., :1], 3, axis=3)
