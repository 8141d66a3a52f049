"""Magnitude pruning in place: weights below a threshold are zero, whatever threshold was set before.

Each layer's magnitudes are sorted once; moving from one threshold to the next writes only the weights in between.
The rule is the study's (Laubmann & Reschke 2025, section V.B): a weight stays where |stored| >= threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import numpy as np
import torch
from torch import Tensor

from forensics.generators.pruning.weights import WeightLayer


class SortedLayer:
    """One layer's weights in order of magnitude, and how many of the smallest are zero now.

    Sorting is the costly part: who prunes a layer again and again keeps this and hands it to each pruner.
    """

    @torch.no_grad()
    def __init__(self, layer: WeightLayer) -> None:
        self.flat = _memory_of(layer.stored)
        self.original = self.flat.clone()
        self.magnitudes, self.order = self.original.abs().sort(stable=True)
        self.zeros = int((self.original == 0).sum())
        self.pruned = 0

    def prune(self, threshold: Tensor) -> bool:
        """Zero what is below `threshold`, give back what is not; whether any value changed."""
        crossed = int(torch.searchsorted(self.magnitudes, threshold.to(self.magnitudes), right=False))
        low, high = sorted((self.pruned, crossed))
        between = self.order[low:high]
        if crossed > self.pruned:
            self.flat[between] = 0
        else:
            self.flat[between] = self.original[between]
        self.pruned = crossed
        return high > max(low, self.zeros)  # those that the file holds as zero come first, and change nothing

    @property
    def nonzero(self) -> int:
        """How many of its weights are not zero now."""
        return len(self.order) - max(self.pruned, self.zeros)


def _memory_of(weight: Tensor) -> Tensor:
    """The values of `weight` as a vector over the same memory, in the order they lie there (channels last, transposed
    ...). Raises ValueError for a tensor with gaps."""
    strides = sorted(
        (stride, size) for stride, size in zip(weight.stride(), weight.shape, strict=True) if size > 1
    )
    expected = 1
    for stride, size in strides:
        if stride != expected:
            raise ValueError(f"a weight of shape {tuple(weight.shape)} does not fill its memory")
        expected *= size
    return torch.as_strided(weight, (weight.numel(),), (1,))


class MagnitudePruner:
    """Prunes `layers` in place to any threshold, up or down; as a context manager it restores them at the end.

    Memory: a copy of the weights, their magnitudes and an index of each.
    """

    def __init__(self, layers: Sequence[WeightLayer | SortedLayer]) -> None:
        self._layers = [layer if isinstance(layer, SortedLayer) else SortedLayer(layer) for layer in layers]
        self.count = sum(len(layer.order) for layer in self._layers)

    @torch.no_grad()
    def prune(self, threshold: float) -> list[bool]:
        """Zero every weight with |stored| < `threshold` (as float32, like the weights), whatever was pruned before.

        Returns for each layer whether its values differ from those before the call. NaN is a ValueError.
        """
        if np.isnan(threshold):
            raise ValueError("a pruning threshold is a number")
        limit = torch.tensor(threshold, dtype=torch.float32)
        return [layer.prune(limit) for layer in self._layers]

    @property
    def nonzero(self) -> int:
        """How many weights are not zero now."""
        return sum(layer.nonzero for layer in self._layers)

    def restore(self) -> None:
        """Give every weight its stored value."""
        with torch.no_grad():
            for layer in self._layers:
                layer.flat.copy_(layer.original)
                layer.pruned = 0

    def __enter__(self) -> MagnitudePruner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()
