"""EER: the error rate where as many authentic images are flagged as synthetic ones are missed."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.metrics.contract import DetectionMetric
from forensics.metrics.weighted import Floats, Weighted


@register(
    "metric",
    "eer",
    Card("Equal error rate: where the false positive rate equals the rate of misses, linear between ROC vertices.",
         domain="scores of a detector and labels"),
)  # fmt: skip
class EER(DetectionMetric):
    """In [0, 1]; ½ is chance, 0 perfect."""

    lower_is_better: ClassVar[bool] = True

    def measure(self, data: Weighted) -> dict[str, Floats]:
        """Column `eer`, float64 [b]. Values in [0, 1]."""
        return {"eer": equal_error_rate(data)}


def equal_error_rate(data: Weighted) -> Floats:
    """Where FPR = 1 − TPR in each replicate, float64 [b] in [0, 1], linear between the vertices of the ROC."""
    _, fpr, tpr = data.rates
    excess = fpr - (1 - tpr)  # rises from -1 to 1 along each row
    j = np.maximum((excess >= 0).argmax(axis=1), 1)
    rows = np.arange(len(fpr))
    before, after = excess[rows, j - 1], excess[rows, j]
    t = -before / (after - before)
    return np.asarray(fpr[rows, j - 1] + t * (fpr[rows, j] - fpr[rows, j - 1]))
