"""The published run beside a sweep: Laubmann & Reschke 2025 (arXiv 2507.13722), section VI.B, figures 13 and 14."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forensics.report.rows import Row
from forensics.studies.pruning.sweep import SweepRow

# threshold -> (weights left, discriminator's mean probability): SrcNet at 128 px, CelebA
PUBLISHED = {0.0: (3_680_500, 0.3818), 0.4: (None, 0.3598), 1.0: (1_218_002, 0.2493)}
PUBLISHED_COUNT = 3_680_500
PUBLISHED_WORDS = "knee near 0.4, read off the curve"


@dataclass(frozen=True)
class ComparedRow(Row):
    """One published threshold, and the same in this sweep (None: it does not hold it, or was not published)."""

    threshold: float
    published_nonzero: int | None
    published_d: float
    nonzero: int | None
    left: float | None
    d: float | None

    @property
    def published_left(self) -> float | None:
        """Share of the weights left in the published run."""
        return None if self.published_nonzero is None else self.published_nonzero / PUBLISHED_COUNT


def comparison(sweep: Sequence[SweepRow]) -> list[ComparedRow]:
    """Published and measured, at the published thresholds."""
    by_threshold = {row.threshold: row for row in sweep}
    rows = []
    for threshold, (count, probability) in PUBLISHED.items():
        row = by_threshold.get(threshold)
        here = (None, None, None) if row is None else (row.nonzero, row.nonzero / sweep[0].nonzero, _d(row))
        rows.append(ComparedRow(threshold, count, probability, *here))
    return rows


def _d(row: SweepRow) -> float | None:
    return None if np.isnan(row.d_probability) else row.d_probability


def comparison_lines(rows: Sequence[ComparedRow]) -> list[str]:
    """The comparison as lines for a terminal."""
    lines = [f"{'threshold':>9}  {'published':>22}  {'here':>30}"]
    for row in rows:
        left = "" if row.published_left is None else f"{100 * row.published_left:.1f} % left, "
        here = "not in this sweep" if row.left is None else f"{100 * row.left:.1f} % left"
        here += "" if row.d is None else f", D {100 * row.d:.2f} %"
        lines.append(f"{row.threshold:>9g}  {left + format(100 * row.published_d, '.2f'):>20} %  {here:>30}")
    return lines
