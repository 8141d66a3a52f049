"""The figures of weight statistics: two layers of the last block, and every layer on one page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from forensics.generators.pruning.weights import WeightRow, WeightStatistics
from forensics.report import plots
from forensics.report.exhibits import Exhibits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ATLAS_COLUMNS = 5


def last_block(exhibits: Exhibits, name: str, statistics: WeightStatistics) -> str:
    """Histograms of the last convolutions, as stored, over the normal distribution of their mean and deviation."""
    chosen = [row for row in statistics.rows if row.layer in statistics.last_block]
    with plots.figure(4.4 * len(chosen), 3.6, len(chosen)) as (drawing, axes):
        for ax, row in zip(axes, chosen, strict=True):
            edges, counts = statistics.histograms[row.layer]
            _bars(ax, edges, counts, plots.AUTHENTIC)
            _normal(ax, row, edges)
            ax.set(xlabel="stored weight", ylabel="weights a bin", ylim=(0, 1.08 * counts.max()))
            _as_used(ax, row)
            ax.set_title(f"{row.layer}\n{_in_words(row)}", fontsize=8.5)
        plots.legend_above(drawing, axes[0])
        return exhibits.figure(name, drawing)


def atlas(exhibits: Exhibits, name: str, statistics: WeightStatistics) -> str:
    """A small histogram of every layer, the axis in standard deviations of the layer."""
    n = len(statistics.rows)
    columns = min(_ATLAS_COLUMNS, n)
    lines = math.ceil(n / columns)
    with plots.figure(9.2, 1.25 * lines + 0.3) as (drawing, _):
        for ax, row in zip(_grid(drawing, lines, columns, n), statistics.rows, strict=False):
            _small(ax, row, *statistics.histograms[row.layer])
        return exhibits.figure(name, drawing)


def _grid(drawing: Figure, lines: int, columns: int, n: int) -> list[Axes]:
    """The first n of equal panels; those left over are empty."""
    drawing.clear()
    axes = list(drawing.subplots(lines, columns, squeeze=False).flat)
    for ax in axes[n:]:
        ax.set_axis_off()
    return axes[:n]


def _small(ax: Axes, row: WeightRow, edges: np.ndarray, counts: np.ndarray) -> None:
    std = row.stored.std or 1.0
    colour = plots.SYNTHETIC if row.demodulated else plots.AUTHENTIC
    _bars(ax, edges / std, counts / max(counts.max(), 1), colour)
    # a layer's own name, not its path: the page is narrow
    parts = [part for part in row.layer.split(".")[:-1] if part not in ("Src_Net", "synthesis")]
    ax.set_title(f"{'.'.join(parts)}\nσ {std:.3g}, n {row.count:,}".replace(",", " "), fontsize=7, pad=3)
    ax.set(xlim=(-4, 4), xticks=(-3, 0, 3), yticks=(), ylim=(0, 1.08))
    ax.tick_params(labelsize=6.5)


def _bars(ax: Axes, edges: np.ndarray, counts: np.ndarray, colour: str) -> None:
    ax.stairs(counts, edges, color=colour, fill=True, alpha=0.3, lw=0)
    ax.stairs(counts, edges, color=colour, lw=1.0, label="as stored")


def _normal(ax: Axes, row: WeightRow, edges: np.ndarray) -> None:
    x = np.linspace(edges[0], edges[-1], 200)
    std = row.stored.std or 1.0
    density = np.exp(-0.5 * ((x - row.stored.mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))
    y = density * row.count * (edges[1] - edges[0])
    ax.plot(x, y, color=plots.NEUTRAL, lw=0.9, ls=(0, (4, 3)), label="normal of its mean and σ")


def _as_used(ax: Axes, row: WeightRow) -> None:
    """A second axis below: the same weights as the network uses them."""
    gain = row.gain
    below = ax.secondary_xaxis(
        -0.24, functions=(lambda x: np.multiply(x, gain), lambda x: np.divide(x, gain))
    )
    how = "roughly; each kernel divided by its own norm" if row.demodulated else f"stored times {gain:.3g}"
    below.set_xlabel(f"as used: {how} (σ {row.used.std:.3g})")
    below.spines["bottom"].set_color(plots.MUTED)


def _in_words(row: WeightRow) -> str:
    return (
        f"{row.count:,} weights, mean {row.stored.mean:.3f}, σ {row.stored.std:.3f}, "
        f"{row.stored.min:.2f} to {row.stored.max:.2f}"
    ).replace(",", " ", 1)
