"""What a metric promises: of a detector's scores (`DetectionMetric`) or of two sets of images (`ImageSetMetric`).

A metric is one module of this package that registers one class of either kind; `detection.evaluate` and
`image_sets.ImageSetComparison` find it by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from forensics.core.registry import methods
from forensics.metrics.weighted import Floats, Weighted

if TYPE_CHECKING:
    import torch


class DetectionMetric(ABC):
    """How well log10 likelihood ratios separate or weigh the two classes; one or more columns of a table."""

    lower_is_better: ClassVar[bool]

    @abstractmethod
    def measure(self, data: Weighted) -> dict[str, Floats]:
        """Column → the value in each of the b replicates of `data`, float64 [b]. The range is that of the metric."""


@dataclass(frozen=True)
class ImageSet:
    """Images uint8 [n, h, w, 3] and their features float32 [n, d]; `device` is where a network may look at them."""

    pixels: NDArray[np.uint8]
    features: NDArray[np.float32]
    device: torch.device


class ImageSetMetric(ABC):
    """How near generated images are to real ones; one or more columns of a table."""

    @abstractmethod
    def measure(self, real: ImageSet, fake: ImageSet) -> dict[str, float]:
        """Column → value; empty where what the metric needs is not installed."""


def detection_metrics() -> dict[str, DetectionMetric]:
    """Name → metric of scores, in the order of names."""
    return {name: target() for name, target in _classes().items() if issubclass(target, DetectionMetric)}


def image_set_metrics() -> dict[str, ImageSetMetric]:
    """Name → metric of two sets of images, in the order of names."""
    return {name: target() for name, target in _classes().items() if issubclass(target, ImageSetMetric)}


def _classes() -> dict[str, type]:
    return {one.name: one.target for one in methods("metric") if isinstance(one.target, type)}
