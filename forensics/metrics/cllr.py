"""Cllr: what likelihood ratios cost whoever acts on them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.metrics.contract import DetectionMetric
from forensics.metrics.weighted import LN10, Floats, Weighted


@register(
    "metric",
    "cllr",
    Card("Log-likelihood-ratio cost in bits: 0 is perfect, 1 as good as always saying that the evidence is neutral.",
         paper="Brümmer & du Preez 2006, Computer Speech and Language 20", domain="log10 LR and labels"),
)  # fmt: skip
class Cllr(DetectionMetric):
    """In bits, from 0; it has no upper end."""

    lower_is_better: ClassVar[bool] = True

    def measure(self, data: Weighted) -> dict[str, Floats]:
        """Column `cllr`, float64 [b]. In bits, at least 0."""
        return {"cllr": log_lr_cost(data)}


def log_lr_cost(data: Weighted) -> Floats:
    """Cllr of each replicate in bits, float64 [b], at least 0."""
    wrong_way = np.logaddexp(0, data.authentic * LN10), np.logaddexp(0, -data.synthetic * LN10)
    authentic, synthetic = data.means(*wrong_way)
    return np.asarray((authentic + synthetic) / (2 * np.log(2)))
