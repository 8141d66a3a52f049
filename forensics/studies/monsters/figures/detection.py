"""The figure of what the detector makes of faces and monsters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.studies.monsters.detection import RateRow, Rates
from forensics.studies.monsters.figures.axes import DASHES, radius_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEWEST = 5  # images for which an interval is drawn: one of two reaches beyond any figure


def detection(exhibits: Exhibits, name: str, rows: Sequence[RateRow], ordinary: Rates) -> str:
    """Share called synthetic and mean log10 LR, faces and monsters apart, by radius in W and in S, with 95 % intervals
    (detection.csv); `ordinary` images as dashed lines."""
    spaces = [space for space in ("w", "s") if any(row.space == space for row in rows)]
    with plots.figure(8.8, 5.4) as (drawing, _):
        drawing.clear()
        grid = drawing.subplots(2, len(spaces), squeeze=False, sharex="col", sharey="row")
        for (top, bottom), space in zip(grid.T, spaces, strict=True):
            group = [row for row in rows if row.space == space]
            _two_kinds(top, group, ("called_synthetic", "synthetic_low", "synthetic_high"), 100)
            _two_kinds(bottom, group, ("log10_lr", "log10_lr_low", "log10_lr_high"), 1)
            line = {"color": plots.NEUTRAL, "lw": 0.9, "ls": DASHES}
            top.axhline(100 * ordinary.called_synthetic, **line)
            bottom.axhline(ordinary.log10_lr, label="ordinary images f(z)", **line)
            radii = [row.radius for row in group]
            radius_axis(bottom, 0.9 * min(radii), 1.1 * max(radii))
            top.set(title=f"Along directions of {space.upper()}")
        grid[0, 0].set(ylim=(-2, 102), ylabel="% called synthetic")
        grid[1, 0].set(ylabel="mean log10 LR")
        plots.legend_below(drawing, grid[1, 0])
        return exhibits.figure(name, drawing)


def _two_kinds(axes: Axes, rows: Sequence[RateRow], names: tuple[str, str, str], scale: float) -> None:
    """Faces and monsters side by side at each radius: value, and the interval where there is one."""
    for kind, colour, shift in (("faces", plots.SERIES[0], 0.985), ("monsters", plots.SERIES[1], 1.015)):
        group = [row for row in rows if row.kind == kind]
        x = [row.radius * shift for row in group]
        y, low, high = (scale * np.array([getattr(row, name) for row in group], float) for name in names)
        wide = np.array([row.n < _FEWEST for row in group], bool)
        axes.vlines(x, np.where(wide, y, low), np.where(wide, y, high), color=colour, lw=1.0)
        axes.plot(x, y, "o", ms=3.4, color=colour, label=kind)
