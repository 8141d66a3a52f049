"""The figures of how far the face survives along directions; each has its numbers in a CSV beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.studies.monsters.directions import FAMILIES
from forensics.studies.monsters.families import YieldRow
from forensics.studies.monsters.figures.axes import FAMILY_COLOURS, ends_of, radius_axis, strip
from forensics.studies.monsters.rows import DirectionRow
from forensics.studies.monsters.survival import Survival

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def survival_curves(exhibits: Exhibits, name: str, survivals: Mapping[str, Survival]) -> str:
    """Share of the directions that still hold the face beyond a radius; bars: 95 % interval of the median
    (survival.csv, quantiles.csv)."""
    with plots.figure(8.8, 3.8) as (drawing, (axes,)):
        lows = [r for curve in survivals.values() for r in curve.radii if r > 0]
        end = max(curve.up_to for curve in survivals.values())
        low = max(0.01, 0.8 * min(lows, default=end / 2))
        for k, (family, curve) in enumerate(survivals.items()):
            _survival_curve(axes, family, curve, low)
            _median_bar(axes, curve, FAMILY_COLOURS[family], 50 + 1.4 * (k - len(survivals) / 2))
        radius_axis(axes, low, end)
        axes.set(ylim=(0, 101), ylabel="% of directions with a face", title="How far the face survives")
        plots.legend_below(drawing, axes, columns=2)
        return exhibits.figure(name, drawing)


def _survival_curve(axes: Axes, family: str, curve: Survival, low: float) -> None:
    x, colour = np.append(np.maximum(curve.radii, low), curve.up_to), FAMILY_COLOURS[family]
    share = 100 * np.append(curve.share, curve.share[-1])
    middle = curve.quantile(0.5)
    words = f"over {curve.up_to:g}" if middle is None else f"{middle:.2f}"
    axes.step(
        x, share, where="post", color=colour, label=f"{FAMILIES[family]}: median {words}, n = {curve.n}"
    )
    if curve.lost < curve.n:
        axes.plot(curve.up_to, share[-1], marker="|", ms=9, mew=2, color=colour, clip_on=False)


def _median_bar(axes: Axes, curve: Survival, colour: str, y: float) -> None:
    start, end = curve.median_interval
    if start is not None:
        axes.hlines(y, start, curve.up_to if end is None else end, color=colour, lw=2.4, alpha=0.45)


def spread(exhibits: Exhibits, name: str, directions: Sequence[DirectionRow]) -> str:
    """Every direction's radius of the first monster by family (directions.csv); open triangles: never lost."""
    families = [f for f in FAMILIES if any(row.family == f for row in directions)]
    with plots.figure(8.8, 0.8 + 0.5 * len(families)) as (drawing, (axes,)):
        for y, family in enumerate(families):
            group = [row for row in directions if row.family == family]
            strip(axes, y, group, FAMILY_COLOURS[family], ends_of(directions)[0])
        radius_axis(axes, *ends_of(directions))
        axes.set_yticks(range(len(families)), [FAMILIES[f] for f in families])
        axes.set(ylim=(len(families) - 0.5, -0.5), title="Radius of the first monster, a mark a direction")
        axes.grid(visible=False, axis="y")
        return exhibits.figure(name, drawing)


def by_place(exhibits: Exhibits, name: str, directions: Sequence[DirectionRow]) -> str:
    """The radius against the rank of a principal component, and against the layer of a style channel
    (directions.csv); of the two only those there are."""
    components = [row for row in directions if row.family == "component"]
    styles = [row for row in directions if row.family == "style"]
    with plots.figure(8.8, 3.4) as (drawing, _):
        axes = plots.panels(drawing, max(1, bool(components) + bool(styles)))
        if components:
            _by_component(axes[0], components)
            plots.legend_below(drawing, axes[0])
        if styles:
            _by_layer(axes[-1], styles)
        elif not components:
            axes[0].set_axis_off()
        return exhibits.figure(name, drawing)


def _by_component(axes: Axes, rows: Sequence[DirectionRow]) -> None:
    for sign, colour in ((1, plots.SERIES[0]), (-1, plots.SERIES[1])):
        group = [row for row in rows if row.sign == sign]
        y = [row.up_to if row.radius is None else row.radius for row in group]
        label = "along the component" if sign > 0 else "against it"
        axes.plot([row.index + 1 for row in group], y, "o", ms=4, color=colour, label=label)
    axes.set(title="Principal components of W", xlabel="component", ylabel="radius of the first monster")
    axes.set(ylim=(0, None), xlim=(0.3, max(row.index for row in rows) + 1.7))
    axes.locator_params(axis="x", integer=True, min_n_ticks=1)


def _by_layer(axes: Axes, rows: Sequence[DirectionRow]) -> None:
    layers = list(dict.fromkeys(row.layer for row in rows))
    for y, layer in enumerate(layers):
        strip(axes, y, [row for row in rows if row.layer == layer], plots.SERIES[4], ends_of(rows)[0])
    radius_axis(axes, *ends_of(rows))
    axes.set_yticks(range(len(layers)), layers, fontsize=7)
    axes.set(ylim=(len(layers) - 0.5, -0.5), title="Channels of S by layer")


def yields(exhibits: Exhibits, name: str, rows: Sequence[YieldRow]) -> str:
    """Share of images with a face at a radius, and how like the face at w_avg those faces still are (yield.csv)."""
    with plots.figure(8.8, 3.5, 2) as (drawing, (left, right)):
        for family in dict.fromkeys(row.family for row in rows):
            group, colour = [row for row in rows if row.family == family], FAMILY_COLOURS[family]
            x = [row.radius for row in group]
            left.vlines(
                x, [100 * row.low for row in group], [100 * row.high for row in group], color=colour, lw=0.6
            )
            left.plot(x, [100 * row.face_yield for row in group], "o-", ms=2.5, lw=1.3, color=colour)
            known = [(row.radius, row.similarity) for row in group if row.similarity is not None]
            label = FAMILIES[family]
            right.plot(
                [r for r, _ in known], [s for _, s in known], "o-", ms=2.5, lw=1.3, color=colour, label=label
            )
        for axes in (left, right):
            radius_axis(axes, min(row.radius for row in rows), max(row.radius for row in rows))
        left.set(ylim=(0, 101), ylabel="% of images with a face", title="Yield at a radius")
        right.set(ylim=(min(0, right.get_ylim()[0]), 1.02), ylabel="cosine")
        right.set_title("Faces there: likeness to w_avg's face")
        plots.legend_below(drawing, right, columns=5)
        return exhibits.figure(name, drawing)
