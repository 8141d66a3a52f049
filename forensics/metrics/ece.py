"""ECE: how far stated probabilities lie from what is found."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.metrics.contract import DetectionMetric
from forensics.metrics.weighted import N_BINS, Floats, Weighted, bins, probability


@register(
    "metric",
    "ece",
    Card("Expected calibration error of the even-prior probability, in ten equal bins, each class weighing half.",
         paper="Guo et al. 2017, arXiv 1706.04599", domain="log10 LR and labels", defaults={"bins": N_BINS}),
)  # fmt: skip
class ECE(DetectionMetric):
    """In [0, 1]; 0 is perfect."""

    lower_is_better: ClassVar[bool] = True

    def measure(self, data: Weighted) -> dict[str, Floats]:
        """Column `ece`, float64 [b]. Values in [0, 1]."""
        return {"ece": expected_calibration_error(data)}


def expected_calibration_error(data: Weighted) -> Floats:
    """ECE of each replicate, float64 [b] in [0, 1]."""
    total: Floats = np.zeros(len(data.authentic_weights))
    bins_a, bins_s = bins(data.authentic), bins(data.synthetic)
    p_a, p_s = probability(data.authentic), probability(data.synthetic)
    for k in range(N_BINS):
        mass_s = data.means(np.zeros_like(p_a), 1.0 * (bins_s == k))[1]
        stated_a, stated_s = data.means(p_a * (bins_a == k), p_s * (bins_s == k))
        total += np.abs(mass_s - (stated_a + stated_s)) / 2  # mass × |rate − mean p|, each class weighing ½
    return total
