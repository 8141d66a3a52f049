"""What stands for a value while a graph is traced: numbers of the file, the latent, a style, maps, sub-bands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Constant:
    """Numbers of the file."""

    values: np.ndarray

    def is_(self, *numbers: float) -> bool:
        """Whether they are these, to float32 rounding."""
        return self.values.size == len(numbers) and np.allclose(self.values.ravel(), numbers, rtol=1e-5)


@dataclass(frozen=True)
class Shape:
    """A shape computed from shapes, of which the network's numbers do not depend."""


@dataclass(frozen=True)
class Latent:
    """The input, after `steps` of: squared, mean, with epsilon, root, reciprocal (0: the input itself)."""

    steps: int = 0


@dataclass(frozen=True)
class Dense:
    """A fully connected layer of the mapping: y = leaky(x weight^T + bias) gain; before it those of `below`."""

    below: tuple[Dense, ...] = ()
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    leaky: bool = False
    gain: float = 1.0


@dataclass(frozen=True)
class Style:
    """(w weight^T + bias) gain."""

    weight: np.ndarray
    bias: np.ndarray | None = None
    gain: float = 1.0


@dataclass(frozen=True)
class Layer:
    """A modulated layer: what scales its input, its kernels as far as it has them, and what is added."""

    style: Style
    depthwise: np.ndarray | None = None
    weight: np.ndarray | None = None
    noise: np.ndarray | None = None
    bias: np.ndarray | None = None
    leaky: bool = False
    is_wavelet: bool = False


@dataclass(frozen=True)
class Maps:
    """Feature maps or the image: the layers they came through."""

    layers: tuple[Layer, ...] = ()
    const: np.ndarray | None = None

    def changed(self, **parts: object) -> Maps:
        """With these parts of the last layer."""
        return replace(self, layers=(*self.layers[:-1], replace(self.layers[-1], **parts)))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Bands:
    """Sums of sub-bands on their way through the inverse transform: (band, sign along rows, sign along columns).

    A sign is that of the second tap, 0 before that filter. `split`: still the three differences side by side.
    """

    maps: Maps
    terms: frozenset[tuple[int, int, int]]
    split: bool = False


Symbol = Constant | Shape | Latent | Dense | Style | Maps | Bands
