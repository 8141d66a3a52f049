"""The figures of a monster study; each has its numbers in a CSV beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.studies.monsters.directions import FAMILIES
from forensics.studies.monsters.options import MonsterOptions
from forensics.studies.monsters.survival import Survival

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[Mapping[str, Any]]
_COLOURS = dict(zip(FAMILIES, plots.SERIES, strict=False))
_TICKS = (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)
_DASHES = (0, (4, 3))
_FEWEST = 5  # images for which an interval is drawn: one of two reaches beyond any figure


def _radius_axis(axes: Axes, low: float, high: float) -> None:
    """A logarithmic x axis in radii with plain numbers."""
    axes.set(xscale="log", xlim=(low, high), xlabel="radius")
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def _ends(directions: Rows) -> tuple[float, float]:
    """From a little under the nearest monster to a little over the last radius looked at."""
    end = max(row["up_to"] for row in directions)
    return max(
        0.01, 0.85 * min((row["radius"] for row in directions if row["radius"]), default=end / 2)
    ), 1.12 * end


def _band(axes: Axes, x: Sequence[float], rows: Rows, colour: str) -> None:
    """The rows' interval, in per cent."""
    low, high = ([100 * row[end] for row in rows] for end in ("low", "high"))
    axes.fill_between(x, low, high, color=colour, alpha=0.12, lw=0)


def survival_curves(exhibits: Exhibits, name: str, survivals: Mapping[str, Survival]) -> str:
    """Share of the directions that still hold the face beyond a radius, with 95 % bands (survival.csv)."""
    with plots.figure(8.8, 3.6) as (drawing, (axes,)):
        lows = [r for found in survivals.values() for r in found.radii if r > 0]
        end = max(found.up_to for found in survivals.values())
        low = max(0.01, 0.8 * min(lows, default=end / 2))
        for family, found in survivals.items():
            x, colour = np.append(np.maximum(found.radii, low), found.up_to), _COLOURS[family]
            share, bottom, top = (np.append(v, v[-1]) for v in (found.share, found.low, found.high))
            middle = found.quantile(0.5)
            words = f"over {found.up_to:g}" if middle is None else f"{middle:.2f}"
            label = f"{FAMILIES[family]}: median {words}, n = {found.n}"
            axes.fill_between(x, 100 * bottom, 100 * top, step="post", color=colour, alpha=0.13, lw=0)
            axes.step(x, 100 * share, where="post", color=colour, label=label)
            if found.lost < found.n:
                axes.plot(found.up_to, 100 * share[-1], marker="|", ms=9, mew=2, color=colour, clip_on=False)
        _radius_axis(axes, low, end)
        axes.set(ylim=(0, 101), ylabel="% of directions with a face", title="How far the face survives")
        axes.legend(loc="upper right")
        return exhibits.figure(name, drawing)


def spread(exhibits: Exhibits, name: str, directions: Rows) -> str:
    """Every direction's radius of the first monster by family (directions.csv); open triangles: never lost."""
    families = [f for f in FAMILIES if any(row["family"] == f for row in directions)]
    with plots.figure(8.8, 0.8 + 0.5 * len(families)) as (drawing, (axes,)):
        for y, family in enumerate(families):
            own = [row for row in directions if row["family"] == family]
            _strip(axes, y, own, _COLOURS[family], _ends(directions)[0])
        _radius_axis(axes, *_ends(directions))
        axes.set_yticks(range(len(families)), [FAMILIES[f] for f in families])
        axes.set(ylim=(len(families) - 0.5, -0.5), title="Radius of the first monster, a mark a direction")
        axes.grid(visible=False, axis="y")
        return exhibits.figure(name, drawing)


def _strip(axes: Axes, y: float, rows: Rows, colour: str, low: float) -> None:
    """Marks side by side at height y, none left of `low`, in an order that shows no pattern but is always the same."""
    order = np.random.default_rng(0).permutation(len(rows))
    offsets = y + 0.56 * ((order + 0.5) / len(rows) - 0.5)
    lost = np.array([row["radius"] is not None for row in rows])
    x = np.array([row["up_to"] if row["radius"] is None else row["radius"] for row in rows], float)
    x = np.maximum(x, low)
    axes.plot(x[lost], offsets[lost], "o", ms=3.2, mew=0, color=colour, alpha=0.75)
    if not lost.all():  # matplotlib cannot lay out an empty line that is not clipped
        axes.plot(x[~lost], offsets[~lost], ">", ms=4.5, mfc="none", mew=0.9, color=colour, clip_on=False)


def by_place(exhibits: Exhibits, name: str, directions: Rows) -> str:
    """The radius against the rank of a principal component, and against the layer of a style channel
    (directions.csv)."""
    with plots.figure(8.8, 3.2, 2) as (drawing, (left, right)):
        components = [row for row in directions if row["family"] == "component"]
        for sign, colour in ((1, plots.SERIES[0]), (-1, plots.SERIES[1])):
            own = [row for row in components if row["sign"] == sign]
            x = [row["index"] + 1 for row in own]
            y = [row["up_to"] if row["radius"] is None else row["radius"] for row in own]
            left.plot(x, y, "o", ms=4, color=colour, label="+" if sign > 0 else "\N{MINUS SIGN}")
        left.set(title="Principal components of W", xlabel="component", ylabel="radius of the first monster")
        left.set_ylim(0, None)
        if components:
            left.legend(loc="best", title="direction")
        else:
            left.set_axis_off()
        styles = [row for row in directions if row["family"] == "style"]
        layers = list(dict.fromkeys(row["layer"] for row in styles))
        for y_, layer in enumerate(layers):
            own = [row for row in styles if row["layer"] == layer]
            _strip(right, y_, own, plots.SERIES[4], _ends(styles)[0])
        if styles:
            _radius_axis(right, *_ends(styles))
            right.set_yticks(range(len(layers)), layers, fontsize=7)
            right.set_ylim(len(layers) - 0.5, -0.5)
        else:
            right.set_axis_off()
        right.set(title="Channels of S by layer")
        return exhibits.figure(name, drawing)


def yields(exhibits: Exhibits, name: str, rows: Rows) -> str:
    """Share of images with a face at a radius, and how like the face at w_avg those faces still are (yield.csv)."""
    with plots.figure(8.8, 3.2, 2) as (drawing, (left, right)):
        for family in dict.fromkeys(row["family"] for row in rows):
            own = [row for row in rows if row["family"] == family]
            x, colour = [row["radius"] for row in own], _COLOURS[family]
            _band(left, x, own, colour)
            left.plot(x, [100 * row["yield"] for row in own], "o-", ms=2.5, lw=1.3, color=colour)
            seen = [row for row in own if row["similarity"] is not None]
            x, y = [row["radius"] for row in seen], [row["similarity"] for row in seen]
            right.plot(x, y, "o-", ms=2.5, lw=1.3, color=colour, label=FAMILIES[family])
        ends = min(row["radius"] for row in rows), max(row["radius"] for row in rows)
        for axes in (left, right):
            _radius_axis(axes, *ends)
        left.set(ylim=(0, 101), ylabel="% of images with a face", title="Yield at a radius")
        right.set(
            ylim=(min(0, right.get_ylim()[0]), 1.02),
            ylabel="cosine",
            title="Faces found: likeness to w_avg's face",
        )
        right.legend(loc="best")
        return exhibits.figure(name, drawing)


def plane(
    exhibits: Exhibits, name: str, rows: Rows, options: MonsterOptions, deviations: Sequence[float]
) -> str:
    """Face score over the plane of the first two principal components (map.csv), with the outline of where latents of z
    lie: twice their standard deviations."""
    angles = sorted({row["angle"] for row in rows})
    scores = {(row["angle"], row["radius"]): row["score"] for row in rows}
    values = np.array([[scores[a, r] for a in angles] for r in options.rings])
    half = 180 / len(angles)
    theta = np.deg2rad([*(a - half for a in angles), 360 - half])
    rings = np.array(options.rings)
    seamless: dict[str, Any] = {"edgecolor": "face", "lw": 0.25}  # else viewers show the page between cells
    # A cell reaches half way to the next ring; those of the first ring, to the middle.
    rho = np.concatenate([[0.0], rings + rings[0] / 2])
    x, y = np.outer(rho, np.cos(theta)), np.outer(rho, np.sin(theta))
    with plots.figure(6.4, 5.2) as (drawing, (axes,)):
        is_face = values >= options.threshold
        axes.pcolormesh(
            x, y, np.ma.masked_where(is_face, values), cmap="Greys", vmin=-1.4, vmax=6, **seamless
        )
        found = axes.pcolormesh(
            x, y, np.ma.masked_where(~is_face, values), vmin=options.threshold, vmax=1, **seamless
        )
        bar = drawing.colorbar(found, ax=axes, shrink=0.8)
        bar.set_label("face score; grey: no face")
        bar.outline.set_visible(False)
        turn = np.linspace(0, 2 * np.pi, 181)
        axes.plot(np.cos(turn), np.sin(turn), color=plots.INK, lw=0.9, ls=_DASHES)
        axes.plot(2 * deviations[0] * np.cos(turn), 2 * deviations[1] * np.sin(turn), color="white", lw=1.1)
        axes.set_aspect("equal")
        axes.grid(visible=False)
        axes.set(xlabel="first component, radii", ylabel="second component, radii")
        axes.set_title("Face score in the plane of two components")
        return exhibits.figure(name, drawing)


def walks(exhibits: Exhibits, name: str, rows: Rows, images: Rows, threshold: float) -> str:
    """Yield along the walks by step number, and by radius, a colour a step size (walk-yield.csv, walks.csv)."""
    edges = np.geomspace(0.05, max(2.0, max(row["radius"] for row in images)), 25)
    with plots.figure(8.8, 3.2, 2) as (drawing, (left, right)):
        for step, colour in zip(dict.fromkeys(row["step"] for row in rows), plots.SERIES, strict=False):
            own = [row for row in rows if row["step"] == step and row["position"] > 0]
            x = [row["position"] for row in own]
            _band(left, x, own, colour)
            left.plot(x, [100 * row["yield"] for row in own], color=colour, label=f"step {step:g}")
            seen = [row for row in images if row["step"] == step]
            place = np.digitize([row["radius"] for row in seen], edges)
            kept = np.array([row["score"] >= threshold for row in seen])
            bins = [k for k in range(1, len(edges)) if (place == k).any()]
            middles = [float(np.sqrt(edges[k - 1] * edges[k])) for k in bins]
            right.plot(
                middles, [100 * kept[place == k].mean() for k in bins], "o-", ms=2.8, lw=1.2, color=colour
            )
        left.set(
            xscale="log",
            xlabel="step of the walk",
            ylabel="% of walks with a face",
            title="Yield along the walks",
        )
        ticks = [t for t in (1, 3, 10, 30, 100, 300, 1000, 3000) if t <= max(row["position"] for row in rows)]
        left.set_xticks(ticks, [f"{t}" for t in ticks])
        left.minorticks_off()
        left.legend(loc="best")
        _radius_axis(right, edges[0], edges[-1])
        right.set(title="The same images by radius")
        for axes in (left, right):
            axes.set_ylim(-2, 102)
        return exhibits.figure(name, drawing)


def detection(exhibits: Exhibits, name: str, rows: Rows, detector: Mapping[str, Any]) -> str:
    """Share called synthetic and mean log10 LR, faces and monsters apart, by radius in W and in S, with 95 % intervals
    (detection.csv)."""
    spaces = [space for space in ("w", "s") if any(row["space"] == space for row in rows)]
    ordinary = detector["ordinary"]
    with plots.figure(8.8, 5.4) as (drawing, _):
        drawing.clear()
        grid = drawing.subplots(2, len(spaces), squeeze=False, sharex="col", sharey="row")
        for (top, bottom), space in zip(grid.T, spaces, strict=True):
            own = [row for row in rows if row["space"] == space]
            _two_kinds(top, own, ("called_synthetic", "synthetic_low", "synthetic_high"), 100)
            _two_kinds(bottom, own, ("log10_lr", "log10_lr_low", "log10_lr_high"), 1)
            top.axhline(100 * ordinary["called_synthetic"], color=plots.NEUTRAL, lw=0.9, ls=_DASHES)
            bottom.axhline(
                ordinary["log10_lr"], color=plots.NEUTRAL, lw=0.9, ls=_DASHES, label="ordinary faces f(z)"
            )
            radii = [row["radius"] for row in own]
            _radius_axis(bottom, 0.9 * min(radii), 1.1 * max(radii))
            top.set(title=f"Along directions of {space.upper()}")
        grid[0, 0].set(ylim=(-2, 102), ylabel="% called synthetic")
        grid[1, 0].set(ylabel="mean log10 LR")
        grid[1, 0].legend(loc="best")
        return exhibits.figure(name, drawing)


def _two_kinds(axes: Axes, rows: Rows, names: tuple[str, str, str], scale: float) -> None:
    """Faces and monsters side by side at each radius: value, and the interval where there is one."""
    for kind, colour, shift in (("faces", plots.SERIES[0], 0.985), ("monsters", plots.SERIES[1], 1.015)):
        own = [row for row in rows if row["kind"] == kind]
        x = [row["radius"] * shift for row in own]
        y, low, high = (
            np.array([np.nan if row[key] is None else scale * row[key] for row in own]) for key in names
        )
        wide = np.array([row["n"] < _FEWEST for row in own], bool)
        axes.vlines(x, np.where(wide, y, low), np.where(wide, y, high), color=colour, lw=1.0)
        axes.plot(x, y, "o", ms=3.4, color=colour, label=kind)
