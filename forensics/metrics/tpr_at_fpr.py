"""TPR at a false positive rate fixed beforehand: what a detector catches where false alarms are dear."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.metrics.contract import DetectionMetric
from forensics.metrics.weighted import Floats, Weighted

FPR_TARGETS: Final = (0.05, 0.01, 0.001)


@register(
    "metric",
    "tpr-at-fpr",
    Card("Share of synthetic images flagged at the lowest threshold whose false positive rate is at most the target.",
         domain="scores of a detector and labels", defaults={"targets": list(FPR_TARGETS)}),
)  # fmt: skip
class TPRAtFPR(DetectionMetric):
    """In [0, 1], for each of `FPR_TARGETS`, with the rate that could be reached."""

    lower_is_better: ClassVar[bool] = False

    def measure(self, data: Weighted) -> dict[str, Floats]:
        """Columns `tpr_at_fpr_T` and `fpr_reached_T` for every target T, float64 [b] each. Values in [0, 1]."""
        columns: dict[str, Floats] = {}
        for target in FPR_TARGETS:
            tpr, fpr, _ = rates_at(data, target)
            columns |= {f"tpr_at_fpr_{target:g}": tpr, f"fpr_reached_{target:g}": fpr}
        return columns


def rates_at(data: Weighted, target: float) -> tuple[Floats, Floats, Floats]:
    """TPR, FPR reached and threshold, float64 [b] each, at the lowest threshold whose FPR is not above `target`.

    Rates are in [0, 1], thresholds log10 LR.
    """
    thresholds, fpr, tpr = data.rates
    last = (fpr <= target + 1e-12).sum(axis=1) - 1
    rows = np.arange(len(fpr))
    return tpr[rows, last], fpr[rows, last], thresholds[last]
