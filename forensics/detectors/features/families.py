"""One head a family: linear classifiers on the same numbers, each calibrated by itself, and what they say together.

A classifier that is to know GANs and diffusion models at once knows both worse. Here each family has its own, against
photographs, and its own log10 LR. Whoever looks several times must expect to see something once: the common score is
log10 of the mean of the families' LRs, which is the LR of "one of these families, each as likely", and never more than
the strongest one's log10 LR, at least log10 k less than the sum of k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forensics.detectors.calibration import Calibration, Floats
from forensics.detectors.checked import number, record, text, whole
from forensics.detectors.thresholds import Thresholds

Table = NDArray[np.float32]  # [n, d]

CLIP: Final = 4.0  # standard deviations; a strange image must not extrapolate far


@dataclass(frozen=True)
class FamilyHead:
    """The head of one family. `cllr`: of its log10 LR on the calibration views, each scored without its source, or,
    where the family has fewer than three (`n_sources`), without its image."""

    family: str
    weights: Table  # [d], of standardised numbers
    offset: float
    calibration: Calibration
    thresholds: Thresholds
    cllr: float
    n_sources: int

    def uncapped(self, table: Table) -> Floats:
        """float64 [n] log10 LR of this family, without its bounds, of a standardised table [n, d]."""
        raw = table.astype(np.float64) @ self.weights.astype(np.float64) + self.offset
        return self.calibration.uncapped(raw)

    def log10_lr(self, table: Table) -> Floats:
        """float64 [n] log10 LR of this family against authentic, within its bounds."""
        return np.clip(self.uncapped(table), self.calibration.lowest, self.calibration.highest)

    def to_json(self) -> dict[str, Any]:
        """Plain values; the weights lie in the arrays."""
        return {
            "family": self.family,
            "offset": self.offset,
            "calibration": self.calibration.to_json(),
            "thresholds": dict(vars(self.thresholds)),
            "cllr": round(self.cllr, 6),
            "n_sources": self.n_sources,
        }

    @classmethod
    def from_json(cls, value: object, weights: Table) -> FamilyHead:
        """The inverse; ValueError where the values make no head."""
        stated = record(value, "a family")
        return cls(
            text(stated, "family"),
            weights,
            number(stated, "offset"),
            Calibration.from_json(stated["calibration"]),
            Thresholds.from_json(stated["thresholds"]),
            number(stated, "cllr", 0.0),
            whole(stated, "n_sources", 1),
        )


def together(log10_lrs: Floats) -> Floats:
    """float64 [n] log10 of the mean LR of the families, of float64 [k, n] log10 LRs."""
    highest = log10_lrs.max(axis=0)
    return np.asarray(highest + np.log10((10.0 ** (log10_lrs - highest)).mean(axis=0)))
