"""minCllr: what is left of the cost after the best recalibration, which discrimination alone causes."""

from __future__ import annotations

from typing import ClassVar

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.metrics.contract import DetectionMetric
from forensics.metrics.weighted import Floats, Weighted


@register(
    "metric",
    "min-cllr",
    Card("Cllr after the best monotone recalibration (pool adjacent violators): what discrimination costs, in bits.",
         paper="Brümmer & du Preez 2006, Computer Speech and Language 20", domain="log10 LR and labels"),
)  # fmt: skip
class MinCllr(DetectionMetric):
    """In [0, 1] bits."""

    lower_is_better: ClassVar[bool] = True

    def measure(self, data: Weighted) -> dict[str, Floats]:
        """Column `min_cllr`, float64 [b]. Values in [0, 1] bits."""
        return {"min_cllr": data.min_cllr}
