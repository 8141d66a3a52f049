"""Where a verdict changes: two thresholds in log10 LR, how they were fixed, and on how many images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from forensics.detectors.checked import number, record, text, whole

Verdict = Literal["synthetic", "authentic", "inconclusive"]
SYNTHETIC: Final[Verdict] = "synthetic"
AUTHENTIC: Final[Verdict] = "authentic"
INCONCLUSIVE: Final[Verdict] = "inconclusive"
VERDICTS: Final = (SYNTHETIC, INCONCLUSIVE, AUTHENTIC)
POLARITY: Final = "log10 LR, higher = more likely synthetic"


@dataclass(frozen=True)
class Thresholds:
    """Where the verdict changes, in log10 LR; between the two it is `inconclusive`.

    `synthetic_at` keeps the rate of authentic images called synthetic at most `target_fpr`, `authentic_at` that of
    synthetic ones called authentic at most `target_fnr`, on the calibration pool of the given sizes.
    """

    synthetic_at: float
    authentic_at: float
    target_fpr: float
    target_fnr: float
    n_authentic: int
    n_synthetic: int
    how: str

    @property
    def n(self) -> int:
        """How many images they were fixed on."""
        return self.n_authentic + self.n_synthetic

    def verdict(self, log10_lr: float) -> Verdict:
        """The verdict on a score."""
        if log10_lr >= self.synthetic_at:
            return SYNTHETIC
        return AUTHENTIC if log10_lr <= self.authentic_at else INCONCLUSIVE

    @classmethod
    def from_json(cls, value: object) -> Thresholds:
        """The thresholds of a description; ValueError where the values make none."""
        fields = record(value, "thresholds", cls)
        return cls(
            synthetic_at=number(fields, "synthetic_at", 0.0, 1e3, above=True),
            authentic_at=number(fields, "authentic_at", -1e3, 0.0, below=True),
            target_fpr=number(fields, "target_fpr", 0.0, 1.0),
            target_fnr=number(fields, "target_fnr", 0.0, 1.0),
            n_authentic=whole(fields, "n_authentic"),
            n_synthetic=whole(fields, "n_synthetic"),
            how=text(fields, "how"),
        )

    def to_json(self) -> dict[str, object]:
        """Plain values; `n` is the number of calibration images."""
        return {**vars(self), "n": self.n}
