"""The figures of a latent study: scaling curves, the ranking of dimensions, and where each acts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.studies.latent.effects import EFFECTS, Rows, effect, known_effects
from forensics.studies.latent.sweeps import LADDER

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


def scaling(exhibits: Exhibits, name: str, rows: Rows) -> str:
    """A panel a measure over the factor (logarithmic), a curve a space."""
    shown = [m for m in _MEASURES if m in rows[0] and not np.isnan([float(r[m]) for r in rows]).all()]
    spaces = list(dict.fromkeys(row["space"] for row in rows))
    lines = -(-len(shown) // 2)
    with plots.figure(8.8, 2.3 * lines) as (drawing, _):
        drawing.clear()
        grid = drawing.subplots(lines, 2, squeeze=False)
        for ax in grid.flat[len(shown) :]:
            ax.set_axis_off()
        for ax, measure in zip(grid.flat, shown, strict=False):
            for space, colour in zip(spaces, plots.SERIES, strict=False):
                own = [row for row in rows if row["space"] == space]
                x, y = [row["factor"] for row in own], [row[measure] for row in own]
                ax.plot(x, y, color=colour, marker="o", ms=2.8, lw=1.3, label=f"{space} × factor")
            ax.set(xscale="log", title=_MEASURES[measure])
            if measure == "face_yield":
                ax.set_ylim(-0.04, 1.04)
            ax.set_xticks([0.05, 0.25, 1, 2.5, 10], ["0.05", "0.25", "1", "2.5", "10"])
            ax.minorticks_off()
        grid.flat[0].legend(loc="best")
        return exhibits.figure(name, drawing)


def ranking(exhibits: Exhibits, name: str, rows: Rows) -> str:
    """Every effect of every dimension over its rank by feature distance; the first ones are named."""
    rank = np.arange(1, len(rows) + 1)
    known = known_effects(rows)
    lines = -(-len(known) // 2)
    with plots.figure(8.8, 2.8 * lines) as (drawing, _):
        drawing.clear()
        grid = drawing.subplots(lines, 2, squeeze=False)
        for ax in grid.flat[len(known) :]:
            ax.set_axis_off()
        for ax, measure in zip(grid.flat, known, strict=False):
            style = "-" if measure == "feature_distance" else "."
            ax.plot(rank, effect(rows, measure), style, color=_COLOURS[measure], ms=2.5, lw=1.4)
            ax.set(
                title=EFFECTS[measure], xlabel="rank of the dimension (by feature distance)", ylim=(0, None)
            )
        # The leaders crowd at the left edge: their names stand above, a line each.
        first = grid[0, 0]
        top = 1.6 * first.get_ylim()[1]
        first.set_ylim(0, top)
        for i, row in enumerate(rows[:6]):
            label = f"{i + 1}: dimension {row['dim']}, {row['place']}"
            first.text(0.38 * len(rows), top * (0.93 - 0.075 * i), label, fontsize=7.5)
        return exhibits.figure(name, drawing)


def shares_lost(rows: Rows) -> list[dict[str, float]]:
    """A row a step of the ladder: `delta`, and the shares of dimensions that have lost the face by then, `lost_minus`
    with the delta taken off and `lost_plus` with it added."""
    found = [{"delta": step} for step in LADDER]
    for column, sign in (("lost_minus", -1), ("lost_plus", 1)):
        at = np.array([np.inf if row[column] is None else sign * row[column] for row in rows])
        for line in found:
            line[column] = float((at <= line["delta"]).mean())
    return found


def faces_lost(exhibits: Exhibits, name: str, shares: Sequence[dict[str, float]]) -> str:
    """How many dimensions have lost the face at each step of the ladder, in either direction."""
    with plots.figure(6.2, 2.8) as (drawing, (ax,)):
        for column, label, colour in (
            ("lost_minus", "less delta", plots.AUTHENTIC),
            ("lost_plus", "plus delta", plots.SYNTHETIC),
        ):
            percents = [100 * line[column] for line in shares]
            ax.plot(LADDER, percents, color=colour, marker="o", ms=3, lw=1.4, label=label)
        ax.set(xscale="log", xlabel="delta", ylabel="% of dimensions without a face", ylim=(-2, 104))
        ticks = (1, 2, 5, 10, 20, 50, 100, 1000)
        ax.set_xticks(ticks, [str(tick) for tick in ticks])
        ax.minorticks_off()
        ax.legend(loc="center right")
        return exhibits.figure(name, drawing)


def maps(exhibits: Exhibits, name: str, rows: Rows) -> str:
    """Where in the image the strongest dimensions act: mean absolute change, each on its own scale."""
    shown = rows[:_MAPS]
    columns = min(6, len(shown))
    lines = -(-len(shown) // columns)
    with plots.figure(8.8, 1.75 * lines) as (drawing, _):
        drawing.clear()
        grid = drawing.subplots(lines, columns, squeeze=False)
        for ax in grid.flat:
            ax.set_axis_off()
        for ax, row in zip(grid.flat, shown, strict=False):
            cells = np.array(row["map"])
            ax.pcolormesh(cells, cmap="Oranges", vmin=0)
            ax.invert_yaxis()
            ax.set_aspect("equal")
            ax.set_title(f"dim {row['dim']}: to {cells.max():.0f}", fontsize=8, pad=3)
        return exhibits.figure(name, drawing)
