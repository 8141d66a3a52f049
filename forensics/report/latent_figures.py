"""The figures of a latent study: scaling curves, the ranking of dimensions, and where each acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forensics.report import plots
from forensics.report.exhibits import Exhibits

Rows = Sequence[Mapping[str, Any]]
_MEASURES = {
    "feature_distance": "feature distance to factor 1",
    "d_probability": "discriminator: probability of real",
    "brightness": "brightness (grey levels)",
    "colourfulness": "colourfulness (grey levels)",
    "face_yield": "share of images with a face",
}
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
            ax.set_xticks([0.05, 0.25, 1, 2.5, 10], ["0.05", "0.25", "1", "2.5", "10"])
            ax.minorticks_off()
        grid.flat[0].legend(loc="best")
        return exhibits.figure(name, drawing)


def ranking(exhibits: Exhibits, name: str, rows: Rows) -> str:
    """Feature distance and pixel change of every dimension by rank; the first ones are named."""
    rank = np.arange(1, len(rows) + 1)
    with plots.figure(8.8, 3.0, 2) as (drawing, axes):
        for ax, measure, colour, title in (
            (axes[0], "feature_distance", plots.SERIES[2], "Feature distance"),
            (axes[1], "pixel_change", plots.SERIES[4], "Change of a pixel (RMS, grey levels)"),
        ):
            values = np.array([row[measure] for row in rows])
            ax.plot(rank, values, "." if measure == "pixel_change" else "-", color=colour, ms=2.5, lw=1.4)
            ax.set(title=title, xlabel="rank of the dimension (by feature distance)", ylim=(0, None))
        # The leaders crowd at the left edge: their names stand above, a line each.
        top = 1.6 * axes[0].get_ylim()[1]
        axes[0].set_ylim(0, top)
        for i, row in enumerate(rows[:6]):
            label = f"{i + 1}: dimension {row['dim']}, {row['place']}"
            axes[0].text(0.38 * len(rows), top * (0.93 - 0.075 * i), label, fontsize=7.5)
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
