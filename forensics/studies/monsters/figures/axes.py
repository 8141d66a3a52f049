"""What the figures of a monster study have in common: the axis of radii, the colours of the families."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from forensics.report import plots
from forensics.studies.monsters.directions import FAMILIES
from forensics.studies.monsters.rows import DirectionRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAMILY_COLOURS = dict(zip(FAMILIES, plots.SERIES, strict=False))
DASHES = (0, (4, 3))
_TICKS = (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)
_FEW_TICKS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)
_WIDE = 12.0  # an axis from one end to the other more than so many times as far has the few ticks


def radius_axis(axes: Axes, low: float, high: float) -> None:
    """A logarithmic x axis in radii with plain numbers."""
    axes.set(xscale="log", xlim=(low, high), xlabel="radius")
    ticks = [tick for tick in (_FEW_TICKS if high > _WIDE * low else _TICKS) if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def ends_of(directions: Sequence[DirectionRow]) -> tuple[float, float]:
    """From a little under the nearest monster to a little over the last radius looked at."""
    end = max(row.up_to for row in directions)
    nearest = min((row.radius for row in directions if row.radius), default=end / 2)
    return max(0.01, 0.85 * nearest), 1.12 * end


def strip(axes: Axes, y: float, rows: Sequence[DirectionRow], colour: str, low: float) -> None:
    """Marks side by side at height y, none left of `low`, in an order that shows no pattern but is always the same."""
    order = np.random.default_rng(0).permutation(len(rows))
    offsets = y + 0.56 * ((order + 0.5) / len(rows) - 0.5)
    lost = np.array([row.radius is not None for row in rows])
    x = np.maximum([row.up_to if row.radius is None else row.radius for row in rows], low)
    axes.plot(x[lost], offsets[lost], "o", ms=3.2, mew=0, color=colour, alpha=0.75)
    if not lost.all():  # matplotlib cannot lay out an empty line that is not clipped
        axes.plot(x[~lost], offsets[~lost], ">", ms=4.5, mfc="none", mew=0.9, color=colour, clip_on=False)
