"""AUC: the chance that a synthetic image outscores an authentic one."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.metrics.contract import DetectionMetric
from forensics.metrics.weighted import Floats, Weighted


@register(
    "metric",
    "auc",
    Card("Area under the ROC: the chance that a synthetic image outscores an authentic one, a tie counting half.",
         paper="Hanley & McNeil 1982, Radiology 143", domain="scores of a detector and labels"),
)  # fmt: skip
class AUC(DetectionMetric):
    """In [0, 1]; ½ is chance."""

    lower_is_better: ClassVar[bool] = False

    def measure(self, data: Weighted) -> dict[str, Floats]:
        """Column `auc`, float64 [b]. Values in [0, 1]."""
        return {"auc": area_under_roc(data)}


def area_under_roc(data: Weighted) -> Floats:
    """Area under the ROC of each replicate, float64 [b] in [0, 1]; a tie counts ½."""
    _, fpr, tpr = data.rates
    return np.asarray(((tpr[:, 1:] + tpr[:, :-1]) / 2 * np.diff(fpr, axis=1)).sum(axis=1))
