"""The figures of a latent study: scaling curves, the ranking of dimensions, and where each acts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.report.rows import Row
from forensics.studies.latent.effects import EFFECTS, effect, known_effects
from forensics.studies.latent.rows import DimensionRow, RankedDimension, ScalingRow
from forensics.studies.latent.sweeps import LADDER

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MEASURES = {
    "feature_distance": "feature distance to factor 1",
    "d_probability": "discriminator: probability of real",
    "brightness": "brightness (grey levels)",
    "colourfulness": "colourfulness (grey levels)",
    "face_yield": "share of images with a face",
    "log10_lr": "detector: mean log10 LR",
}
_COLOURS = dict(
    zip(EFFECTS, (plots.SERIES[2], plots.SERIES[4], plots.SERIES[6], plots.SERIES[7]), strict=True)
)
_MAPS = 12


def _column(rows: Sequence[ScalingRow], name: str) -> np.ndarray:
    values = (getattr(row, name) for row in rows)
    return np.array([np.nan if value is None else float(value) for value in values])


def scaling(exhibits: Exhibits, name: str, rows: Sequence[ScalingRow]) -> str:
    """A panel a measure over the factor (logarithmic), a curve a space."""
    measures = [m for m in _MEASURES if not np.isnan(_column(rows, m)).all()]
    with plots.figure(8.8, 2.3 * -(-len(measures) // 2) + 0.3) as (drawing, _):
        axes = plots.panels(drawing, len(measures))
        for ax, measure in zip(axes, measures, strict=True):
            _scaling_panel(ax, measure, rows)
        plots.legend_above(drawing, axes[0])
        return exhibits.figure(name, drawing)


def _scaling_panel(ax: Axes, measure: str, rows: Sequence[ScalingRow]) -> None:
    spaces = dict.fromkeys(row.space for row in rows)
    for space, colour in zip(spaces, plots.SERIES, strict=False):
        group = [row for row in rows if row.space == space]
        x, y = [row.factor for row in group], _column(group, measure)
        ax.plot(x, y, color=colour, marker="o", ms=2.8, lw=1.3, label=f"{space} × factor")
    ax.set(xscale="log", title=_MEASURES[measure])
    if measure == "face_yield":
        ax.set_ylim(-0.04, 1.04)
    ax.set_xticks([0.05, 0.25, 1, 2.5, 10], ["0.05", "0.25", "1", "2.5", "10"])
    ax.minorticks_off()


def ranking(exhibits: Exhibits, name: str, rows: Sequence[RankedDimension]) -> str:
    """Every effect of every dimension over its rank by feature distance; the first ones are named."""
    rank = np.arange(1, len(rows) + 1)
    known = known_effects(rows)
    with plots.figure(8.8, 2.8 * -(-len(known) // 2)) as (drawing, _):
        axes = plots.panels(drawing, len(known))
        for ax, measure in zip(axes, known, strict=True):
            style = "-" if measure == "feature_distance" else "."
            ax.plot(rank, effect(rows, measure), style, color=_COLOURS[measure], ms=2.5, lw=1.4)
            ax.set(title=EFFECTS[measure], ylim=(0, None))
            ax.set_xlabel("rank of the dimension (by feature distance)" if ax in axes[-2:] else "")
        _name_leaders(axes[0], rows)
        return exhibits.figure(name, drawing)


def _name_leaders(ax: Axes, rows: Sequence[RankedDimension]) -> None:
    """The leaders crowd at the left edge: their names stand above, a line each."""
    top = 1.6 * ax.get_ylim()[1]
    ax.set_ylim(0, top)
    for i, row in enumerate(rows[:6]):
        label = f"{i + 1}: dimension {row.dim}, {row.place}"
        ax.text(0.38 * len(rows), top * (0.93 - 0.075 * i), label, fontsize=7.5)


@dataclass(frozen=True)
class LostShare(Row):
    """The shares of dimensions that have lost the face at `delta`, taken off and added."""

    delta: float
    lost_minus: float
    lost_plus: float


def shares_lost(rows: Sequence[DimensionRow]) -> list[LostShare]:
    """A row a step of the ladder."""
    at = {
        sign: np.array([np.inf if value is None else sign * value for value in column])
        for sign, column in ((-1, [row.lost_minus for row in rows]), (1, [row.lost_plus for row in rows]))
    }
    return [LostShare(step, *(float((at[sign] <= step).mean()) for sign in (-1, 1))) for step in LADDER]


def faces_lost(exhibits: Exhibits, name: str, shares: Sequence[LostShare]) -> str:
    """How many dimensions have lost the face at each step of the ladder, in either direction."""
    columns = (
        ([100 * row.lost_minus for row in shares], "less delta", plots.AUTHENTIC),
        ([100 * row.lost_plus for row in shares], "plus delta", plots.SYNTHETIC),
    )
    with plots.figure(6.2, 3.0) as (drawing, (ax,)):
        for percents, label, colour in columns:
            ax.plot(LADDER, percents, color=colour, marker="o", ms=3, lw=1.4, label=label)
        ax.set(xscale="log", xlabel="delta", ylabel="% of dimensions without a face", ylim=(-2, 104))
        ticks = (1, 2, 5, 10, 20, 50, 100, 1000)
        ax.set_xticks(ticks, [str(tick) for tick in ticks])
        ax.minorticks_off()
        plots.legend_above(drawing, ax)
        return exhibits.figure(name, drawing)


def maps(exhibits: Exhibits, name: str, rows: Sequence[DimensionRow]) -> str:
    """Where in the image the strongest dimensions act: mean absolute change, each on its own scale."""
    first = rows[:_MAPS]
    columns = min(6, len(first))
    lines = -(-len(first) // columns)
    with plots.figure(8.8, 1.75 * lines) as (drawing, _):
        drawing.clear()
        grid = drawing.subplots(lines, columns, squeeze=False)
        for ax in grid.flat:
            ax.set_axis_off()
        for ax, row in zip(grid.flat, first, strict=False):
            cells = np.array(row.map)
            ax.pcolormesh(cells, cmap="Oranges", vmin=0)
            ax.invert_yaxis()
            ax.set_aspect("equal")
            ax.set_title(f"dim {row.dim}: to {cells.max():.0f}", fontsize=8, pad=3)
        return exhibits.figure(name, drawing)
