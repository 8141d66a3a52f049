"""Directions in which a generator leaves its faces: in W at random, towards latents it maps to, along its principal
components and single dimensions, and along single channels of S. Every point is a direction and a radius."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.generators.base import Generator
from forensics.generators.interrogate.monsters_options import ALL, MonsterOptions
from forensics.generators.interrogate.w_statistics import WStatistics

FAMILIES = {
    "random": "random in W",
    "mapped": "towards f(z)",
    "component": "principal components of W",
    "dimension": "single dimensions of W",
    "style": "single channels of S",
}
_MAPPED_START = 1_000_000  # the latents of the family `mapped`, far from those that w_avg is the mean of
_BATCH, _MAPPING_BATCH, _STYLE_SAMPLES = 16, 1000, 2000


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
        z = generator.sample_z(min(_MAPPING_BATCH, start + n - first), seed, start=first)
        labels = None
        if generator.c_dim:
            classes = torch.arange(first, first + len(z), device=z.device) % generator.c_dim
            labels = F.one_hot(classes, generator.c_dim).float()
        parts.append(generator.map(z, labels)[:, 0])
    return torch.cat(parts)


class Latents:
    """The centre, scale and axes of a generator's W and S, and images of points in them."""

    @torch.inference_mode()
    def __init__(self, generator: Generator, options: MonsterOptions) -> None:
        self.generator, self.options = generator, options
        w = w_sample(generator, options.samples)
        mean = w.mean(dim=0)
        self.statistics = WStatistics(mean, float((w - mean).norm(dim=1).mean()), len(w))
        self.covariance = torch.cov((w - mean).double().T).reshape(generator.w_dim, -1)
        values, vectors = torch.linalg.eigh(self.covariance)
        self.variances = values.flip(0).clamp_min(0)
        axes = vectors.flip(1).T
        # An eigenvector's sign is arbitrary: its largest entry is made positive.
        largest = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))
        self.axes = (axes * largest.sign()).to(w)
        styles = torch.cat(
            [generator.styles(self._ws(part)) for part in torch.split(w[:_STYLE_SAMPLES], 200)]
        )
        self.s_centre = generator.styles(self._ws(mean[None]))[0]
        self.s_scale = float((styles - self.s_centre).norm(dim=1).mean())
        self.s_deviations = styles.double().std(dim=0)

    def _ws(self, w: Tensor) -> Tensor:
        return w[:, None].expand(-1, self.generator.num_ws, -1)

    def directions(self, family: str) -> list[Direction]:
        """The directions of a family that the options ask for, always in the same order."""
        wanted = self.options
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
        count = len(layers) if self.options.styles == ALL else self.options.styles
        rng = self._rng(5)
        ranks = np.concatenate([rng.permutation(size) for size in self.generator.style_sizes.values()])
        order = np.argsort(ranks, kind="stable")[:count]
        return [(int(i), layers[i]) for i in sorted(order.tolist())]

    def _rng(self, *words: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(np.random.SeedSequence([self.options.seed, *words])))

    def unit(self, direction: Direction) -> Tensor:
        """The direction as a vector of length 1 in its space, [w_dim] or [s_dim]."""
        kind, i = direction.family, direction.index
        if kind == "component":
            along: Tensor = direction.sign * self.axes[i]
            return along
        if kind == "plane":
            angle = np.deg2rad(direction.angle)
            tilted: Tensor = float(np.cos(angle)) * self.axes[0] + float(np.sin(angle)) * self.axes[1]
            return tilted
        centre = self.s_centre if direction.space == "s" else self.statistics.mean
        if kind in ("dimension", "style"):
            axis = torch.zeros_like(centre)
            axis[i] = float(direction.sign)
            return axis
        if kind == "random":
            drawn = self._rng(2, i).standard_normal(len(centre), dtype=np.float32)
            vector = torch.from_numpy(drawn).to(centre)
        else:
            start = _MAPPED_START + i
            vector = w_sample(self.generator, 1, self.options.seed, start)[0] - centre
        unit: Tensor = vector / vector.norm()
        return unit

    def deviation(self, direction: Direction) -> float:
        """Standard deviation of the latents of z along the direction, in radii: its natural unit."""
        if direction.space == "s":
            return float(self.s_deviations[direction.index]) / self.s_scale
        unit = self.unit(direction).double()
        return float((unit @ self.covariance @ unit).clamp_min(0).sqrt()) / self.statistics.mean_distance

    @property
    def batch(self) -> int:
        """Images made at a time: 16 up to 256 px, fewer above."""
        return max(1, min(_BATCH, _BATCH * 256**2 // self.generator.img_resolution**2))

    @torch.inference_mode()
    def images(self, points: Sequence[Point]) -> np.ndarray:
        """Images of points with constant noise, uint8 [n, h, w, 3], in order."""
        found: list[np.ndarray | None] = [None] * len(points)
        for space, centre, scale in (
            ("w", self.statistics.mean, self.statistics.mean_distance),
            ("s", self.s_centre, self.s_scale),
        ):
            at = [k for k, (direction, _) in enumerate(points) if direction.space == space]
            if at:
                units = {points[k][0]: self.unit(points[k][0]) for k in at}
                moved = torch.stack([centre + points[k][1] * scale * units[points[k][0]] for k in at])
                for k, image in zip(at, self.images_of(moved, space), strict=True):
                    found[k] = image
        return np.stack([image for image in found if image is not None])

    @torch.inference_mode()
    def images_of(self, latents: Tensor, space: str = "w") -> np.ndarray:
        """Images of w [n, w_dim], the same in every layer, or of s [n, s_dim]: uint8 [n, h, w, 3]."""
        made = []
        for part in torch.split(latents, self.batch):
            # A network's last bits depend on the size of its batch: every batch is filled up.
            full = torch.cat([part, part[-1:].expand(self.batch - len(part), -1)])
            x = (
                self.generator.synthesize(self._ws(full))
                if space == "w"
                else self.generator.synthesize_from_styles(full)
            )
            made.append(self.generator.to_uint8(x)[: len(part)])
        pixels = np.concatenate(made)
        return pixels if pixels.shape[3] == 3 else np.repeat(pixels[..., :1], 3, axis=3)
