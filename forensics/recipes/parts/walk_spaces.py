"""The latent spaces a walk can go through: where a walk starts, what a step moves, and how far away a point is.

W    w, the same in every layer. A walk starts at the mean of 10,000 w.
Z    z, mapped to w. A walk starts at a latent of its own: the mean of Z maps to no face.
W+   a w for every layer, each with steps of its own. A walk starts at the mean of W in every layer.
S    the style scales (Wu et al. 2021, arXiv 2011.12799). A step counts in standard deviations of each style, as
     their scales differ by orders of magnitude. A walk starts at the styles of the mean of W.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import ClassVar

from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.generators.base import Generator, Noise
from forensics.generators.labels import labels_in_turn
from forensics.generators.w_statistics import (
    SStatistics,
    WStatistics,
    s_statistics,
    w_statistics,
)


class Space(ABC):
    """One latent space of one generator; `latent` is the name its points have in a corpus."""

    latent: ClassVar[str]

    def __init__(self, generator: Generator, seed: int) -> None:
        self.generator, self.seed = generator, seed

    @cached_property
    def statistics(self) -> WStatistics:
        """Mean of W and mean distance to it, from 10,000 latents."""
        return w_statistics(self.generator)

    @property
    @abstractmethod
    def dim(self) -> int:
        """Numbers a step has."""

    @abstractmethod
    def chain(self, walk: int, moved: Tensor) -> Tensor:
        """The points [n, ...] of walk `walk` that lie `moved` [n, dim] from its start.

        float32 [n, ...], any value.
        """

    @abstractmethod
    def ws(self, points: Tensor) -> Tensor:
        """Points as ws [n, num_ws, w_dim]. float32 [n, num_ws, w_dim], any value."""

    def synthesize(self, points: Tensor, noise: Noise) -> Tensor:
        """Images of points, float32 [n, c, h, w]. Nominally in the range [-1, 1]."""
        return self.generator.synthesize(self.ws(points), noise)

    def radius(self, points: Tensor) -> Tensor:
        """Distance of points from the centre in units of the mean distance of random latents, [n].

        float32 [n], at least 0.
        """
        return self.statistics.radius(points)


class SpaceW(Space):
    """W: points are w [n, w_dim]."""

    latent = "w"

    @property
    def dim(self) -> int:
        """Numbers a step has."""
        return self.generator.w_dim

    def chain(self, walk: int, moved: Tensor) -> Tensor:
        """The mean of W, moved. float32 [n, ...], any value."""
        return self.statistics.mean + moved

    def ws(self, points: Tensor) -> Tensor:
        """The same w in every layer. float32 [n, num_ws, w_dim], any value."""
        return points[:, None].expand(-1, self.generator.num_ws, -1)


class SpaceZ(SpaceW):
    """Z: steps are taken in z, points are the w [n, w_dim] it maps to."""

    @property
    def dim(self) -> int:
        """Numbers a step has."""
        return self.generator.z_dim

    def chain(self, walk: int, moved: Tensor) -> Tensor:
        """A latent of the walk's own, moved, and mapped; a conditional network's classes go by walk.

        float32 [n, ...], any value.
        """
        label = labels_in_turn(self.generator, walk, 1)
        z = self.generator.sample_z(1, self.seed, start=walk) + moved
        return self.generator.map(z, None if label is None else label.expand(len(z), -1))[:, 0]


class SpaceWPlus(Space):
    """W+: points are ws [n, num_ws, w_dim]."""

    latent = "ws"

    @property
    def dim(self) -> int:
        """Numbers a step has."""
        return self.generator.num_ws * self.generator.w_dim

    def chain(self, walk: int, moved: Tensor) -> Tensor:
        """The mean of W in every layer, each moved by its own part. float32 [n, ...], any value."""
        return self.statistics.mean + moved.view(len(moved), self.generator.num_ws, -1)

    def ws(self, points: Tensor) -> Tensor:
        """Points as they are. float32 [n, num_ws, w_dim], any value."""
        return points


class SpaceS(Space):
    """S: points are styles [n, s_dim]; radius is measured in S, with every style in its standard deviations."""

    latent = "s"

    @property
    def dim(self) -> int:
        """Numbers a step has."""
        return self.generator.s_dim

    @cached_property
    def styles(self) -> SStatistics:
        """Centre, spread and mean distance of the styles of 10,000 latents."""
        return s_statistics(self.generator)

    def chain(self, walk: int, moved: Tensor) -> Tensor:
        """The styles of the mean of W, each moved in units of its standard deviation. float32 [n, ...], any value."""
        return self.styles.centre + moved * self.styles.spread

    def ws(self, points: Tensor) -> Tensor:
        """There are none, of points float32 [n, s_dim] of any value: ForensicsError."""
        raise ForensicsError("a point of S has no w: synthesize it from its styles")

    def synthesize(self, points: Tensor, noise: Noise) -> Tensor:
        """Images of styles, float32 [n, c, h, w]. Nominally in the range [-1, 1]."""
        return self.generator.synthesize_from_styles(points, noise)

    def radius(self, points: Tensor) -> Tensor:
        """Distance of the standardised styles from the centre in units of their mean distance, [n].

        float32 [n], at least 0.
        """
        return self.styles.radius(points)


SPACES: dict[str, type[Space]] = {"w": SpaceW, "z": SpaceZ, "w+": SpaceWPlus, "s": SpaceS}


def space_of(name: str, generator: Generator, seed: int) -> Space:
    """The space of that name; ForensicsError: there is none."""
    if name not in SPACES:
        raise ForensicsError(f"no latent space {name!r} to walk in: choose one of {', '.join(SPACES)}")
    return SPACES[name](generator, seed)
