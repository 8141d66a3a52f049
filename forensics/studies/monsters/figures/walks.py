"""The figure of the walks of a monster study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.studies.monsters.figures.axes import radius_axis
from forensics.studies.monsters.rows import WalkStep
from forensics.studies.monsters.walks import WalkYieldRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STEP_TICKS = (1, 3, 10, 30, 100, 300, 1000, 3000)


def walks(
    exhibits: Exhibits, name: str, rows: Sequence[WalkYieldRow], images: Sequence[WalkStep], threshold: float
) -> str:
    """Yield along the walks by step number, and by radius, a colour a step size (walk-yield.csv, walks.csv)."""
    edges = np.geomspace(0.05, max(2.0, *(row.radius for row in images)), 25)
    steps = dict.fromkeys(row.step for row in rows)
    with plots.figure(8.8, 3.4, 2) as (drawing, (left, right)):
        for step, colour in zip(steps, plots.SERIES, strict=False):
            _along(left, [row for row in rows if row.step == step and row.position > 0], colour)
            _by_radius(right, [row for row in images if row.step == step], edges, threshold, colour)
        left.set(xscale="log", xlabel="step of the walk", ylabel="% of walks with a face")
        left.set_title("Yield along the walks")
        ticks = [tick for tick in _STEP_TICKS if tick <= max(row.position for row in rows)]
        left.set_xticks(ticks, [f"{tick}" for tick in ticks])
        left.minorticks_off()
        radius_axis(right, edges[0], edges[-1])
        right.set(title="The same images by radius")
        for axes in (left, right):
            axes.set_ylim(-2, 102)
        plots.legend_below(drawing, left)
        return exhibits.figure(name, drawing)


def _along(axes: Axes, rows: Sequence[WalkYieldRow], colour: str) -> None:
    x = [row.position for row in rows]
    low, high = [100 * row.low for row in rows], [100 * row.high for row in rows]
    for edge in (low, high):
        axes.plot(x, edge, color=colour, lw=0.5, alpha=0.6)
    axes.plot(x, [100 * row.face_yield for row in rows], color=colour, label=f"step {rows[0].step:g}")


def _by_radius(
    axes: Axes, images: Sequence[WalkStep], edges: np.ndarray, threshold: float, colour: str
) -> None:
    place = np.digitize([row.radius for row in images], edges)
    is_face = np.array([row.score >= threshold for row in images])
    bins = [k for k in range(1, len(edges)) if (place == k).any()]
    middles = [float(np.sqrt(edges[k - 1] * edges[k])) for k in bins]
    shares = [100 * is_face[place == k].mean() for k in bins]
    axes.plot(middles, shares, "o-", ms=2.8, lw=1.2, color=colour)
