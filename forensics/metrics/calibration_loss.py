"""Calibration loss: what the wrong size of the numbers costs, whatever their order."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.metrics.cllr import log_lr_cost
from forensics.metrics.contract import DetectionMetric
from forensics.metrics.weighted import Floats, Weighted


@register(
    "metric",
    "calibration-loss",
    Card("Cllr minus minCllr in bits: what the wrong size of the numbers costs, whatever their order.",
         paper="Brümmer & du Preez 2006, Computer Speech and Language 20", domain="log10 LR and labels"),
)  # fmt: skip
class CalibrationLoss(DetectionMetric):
    """In bits, from 0."""

    lower_is_better: ClassVar[bool] = True

    def measure(self, data: Weighted) -> dict[str, Floats]:
        """Column `calibration_loss`, float64 [b]. In bits, at least 0."""
        return {"calibration_loss": np.maximum(0, log_lr_cost(data) - data.min_cllr)}
