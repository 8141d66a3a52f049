"""Precision and recall of generated images: are they like real ones, and are real ones like them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.metrics.contract import ImageSet, ImageSetMetric

_NEIGHBOURS = 3


@register(
    "metric",
    "precision-recall",
    Card("Share of generated images inside the manifold of real ones (precision), and of real ones inside theirs.",
         paper="Kynkäänniemi et al. 2019, arXiv 1904.06991, algorithm 1", domain="two sets of images",
         defaults={"neighbours": _NEIGHBOURS}),
)  # fmt: skip
class PrecisionRecall(ImageSetMetric):
    """Both in [0, 1]."""

    def measure(self, real: ImageSet, fake: ImageSet) -> dict[str, float]:
        """Columns `precision` and `recall`."""
        precision, recall = precision_recall(real.features, fake.features)
        return {"precision": precision, "recall": recall}


def precision_recall(
    real: NDArray[np.floating], fake: NDArray[np.floating], k: int = _NEIGHBOURS
) -> tuple[float, float]:
    """Precision and recall, each in [0, 1], of features [n, d] of real and [m, d] of generated images.

    A manifold is the union of balls around its points that reach to the k-th neighbour.
    Features are float32.
    """
    return _inside(fake, real, k), _inside(real, fake, k)


def _inside(points: NDArray[np.floating], manifold: NDArray[np.floating], k: int) -> float:
    from scipy.spatial.distance import cdist

    distances = np.sort(cdist(manifold, manifold), axis=1)
    radius = distances[:, min(k, len(manifold) - 1)]  # the nearest is the point itself
    return float((cdist(points, manifold) <= radius[None]).any(axis=1).mean())
