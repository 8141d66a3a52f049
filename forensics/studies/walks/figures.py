"""The figures of a walk study; each writes SVG and PNG, and its numbers as a CSV of the same name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from forensics.corpus.likeness import SAME_PERSON_COSINE
from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.studies.walks.percent_yield import (
    Outcome,
    along,
    histogram,
    network_interval,
    walk_interval,
)
from forensics.studies.walks.tree import FaceTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Outcomes = Mapping[str, Outcome]

# Of even lightness, so that first and last steps stand out alike on a white and on a black page.
_STEPS = ("#1f7099", "#5a62b0", "#b0528e", "#c8552c", "#d9952b")
_STEP_COLOURS = 10
_CLUSTERS = (*plots.SERIES[:5], *plots.SERIES[6:])
_LONGEST_NAMED = 8
_LEAST_SPAN = {"confidence": 0.05, "log10_lr": 0.5}  # of an axis: differences under it are not to look large


def _grid(drawing: Figure, n: int, columns: int = 2, **options: Any) -> list[Axes]:
    """n panels in rows of `columns`; those left over are empty."""
    drawing.clear()
    lines = -(-n // columns)
    panels = list(drawing.subplots(lines, columns, squeeze=False, **options).flat)
    for ax in panels[n:]:
        ax.set_axis_off()
    return panels[:n]


def histograms(exhibits: Exhibits, name: str, outcomes: Outcomes) -> str:
    """Confidence of the face detector, a panel a network on the same axes; images without a face apart, at the left."""
    found = {label: histogram(outcome.scores) for label, outcome in outcomes.items()}
    rows = []
    for label, h in found.items():
        n = outcomes[label].scores.size
        rows.append({"network": label, "from": 0.0, "to": 0.0, "images": h.without, "share": h.without / n})
        rows += [
            {"network": label, "from": round(a, 6), "to": round(b, 6), "images": int(k), "share": k / n}
            for a, b, k in zip(h.edges[:-1], h.edges[1:], h.counts, strict=True)
        ]
    exhibits.table(name, rows)
    lines = -(-len(found) // 2)
    with plots.figure(8.8, 2.5 * lines + 0.3) as (drawing, _):
        panels = _grid(drawing, len(found), min(2, len(found)), sharex=True, sharey=True)
        for ax, (label, h), colour in zip(panels, found.items(), _cycle(len(found)), strict=True):
            n = outcomes[label].scores.size
            width = h.edges[1] - h.edges[0]
            ax.bar(h.edges[:-1], 100 * h.counts / n, width, align="edge", color=colour, lw=0)
            ax.bar([-0.05], [100 * h.without / n], 0.05, color=plots.NEUTRAL, lw=0)
            ax.set_title(f"{label}: {n} images, {h.without} without a face")
            ax.set(xlim=(-0.1, 1.01), xlabel="confidence of the best face", ylabel="% of images")
            ax.set_xticks([-0.05, 0.2, 0.4, 0.6, 0.8, 1.0], ["none", "0.2", "0.4", "0.6", "0.8", "1.0"])
            ax.tick_params(labelbottom=True)
        return exhibits.figure(name, drawing)


def _cycle(n: int) -> list[str]:
    return [plots.SERIES[i % len(plots.SERIES)] for i in range(n)]


def yields(exhibits: Exhibits, name: str, outcomes: Outcomes, seed: int) -> str:
    """Percent yield and mean confidence of every walk with its interval; a band for the network's own."""
    rows: list[dict[str, Any]] = []
    for label, outcome in outcomes.items():
        for measure, values in (("yield", outcome.found), ("confidence", outcome.scores)):
            whole = network_interval(values, seed)
            rows.append({"network": label, "measure": measure, "walk": "all", **vars(whole)})
            rows += [
                {"network": label, "measure": measure, "walk": k, **vars(walk_interval(line, seed))}
                for k, line in enumerate(values)
            ]
    exhibits.table(name, rows)
    titles = {"yield": ("Percent yield of each walk", 100), "confidence": ("Mean confidence of each walk", 1)}
    with plots.figure(8.8, 3.0, 2) as (drawing, axes):
        for ax, (measure, (title, factor)) in zip(axes, titles.items(), strict=True):
            _intervals(ax, [row for row in rows if row["measure"] == measure], list(outcomes), factor)
            _spread(ax, measure)
            ax.set(title=title, xlabel="walk", ylabel="%" if factor == 100 else "score, 0.00 where no face")
        axes[0].set_ylim(min(0.0, axes[0].get_ylim()[0]), 104)
        if len(outcomes) > 1:
            axes[0].legend(loc="best")
        return exhibits.figure(name, drawing)


def _intervals(ax: Axes, rows: Sequence[Mapping[str, Any]], labels: Sequence[str], factor: int) -> None:
    for i, (label, colour) in enumerate(zip(labels, _cycle(len(labels)), strict=True)):
        whole, *own = [row for row in rows if row["network"] == label]
        offset = 0.5 * (i - (len(labels) - 1) / 2) / len(labels)
        x = np.array([row["walk"] for row in own]) + offset
        value, low, high = (factor * np.array([row[key] for row in own]) for key in ("value", "low", "high"))
        ax.axhspan(factor * whole["low"], factor * whole["high"], color=colour, alpha=0.15, lw=0)
        ax.axhline(factor * whole["value"], color=colour, lw=0.8, ls=(0, (4, 3)))
        ax.vlines(x, low, high, color=colour, lw=1.4)
        ax.plot(x, value, "o", color=colour, ms=4, label=label)
    ax.locator_params(axis="x", integer=True)


def _spread(ax: Axes, measure: str) -> None:
    """Widen the y axis where it would magnify differences that mean nothing."""
    low, high = ax.get_ylim()
    lacking = _LEAST_SPAN.get(measure, 0.0) - (high - low)
    if lacking > 0:
        ax.set_ylim(low - lacking / 2, high + lacking / 2)


def along_walks(exhibits: Exhibits, name: str, outcomes: Outcomes) -> str:
    """Yield, confidence and, where a detector was asked, its log10 LR along the walk, means over all walks."""
    measures = {
        "yield": "Share of images with a face, %",
        "confidence": "Mean confidence, 0.00 where no face",
    }
    if any(outcome.log10_lr is not None for outcome in outcomes.values()):
        measures["log10_lr"] = "Mean log10 LR, higher = more likely synthetic"
    rows: list[dict[str, Any]] = []
    for label, outcome in outcomes.items():
        middle, radius = along(outcome.radius)
        values = {"yield": 100 * outcome.found, "confidence": outcome.scores, "log10_lr": outcome.log10_lr}
        curves = {m: along(v)[1] for m in measures if (v := values[m]) is not None}
        rows += [
            {
                "network": label,
                "position": float(p),
                "radius": float(radius[i]),
                **{m: float(c[i]) for m, c in curves.items()},
            }
            for i, p in enumerate(middle)
        ]
    exhibits.table(name, rows)
    with plots.figure(8.8, 2.5 * -(-len(measures) // 2)) as (drawing, _):
        for ax, (measure, title) in zip(_grid(drawing, len(measures)), measures.items(), strict=True):
            for label, colour in zip(outcomes, _cycle(len(outcomes)), strict=True):
                own = [row for row in rows if row["network"] == label and measure in row]
                ax.plot([r["position"] for r in own], [r[measure] for r in own], color=colour, label=label)
            ax.set(title=title, xlabel="position in the walk")
            _spread(ax, measure)
            if measure == "yield":
                ax.set_ylim(0, 104)
                if len(outcomes) > 1:
                    ax.legend(loc="best")
        return exhibits.figure(name, drawing)


def drifts(exhibits: Exhibits, name: str, cosines: np.ndarray, radius: np.ndarray, label: str) -> str:
    """Cosine to the first face, a line a walk of [walks, length], and their mean; NaN where there is no face."""
    exhibits.table(
        name,
        [
            {"walk": k, "position": i, "radius": float(radius[k, i]), "cosine": float(value)}
            for k, line in enumerate(cosines)
            for i, value in enumerate(line)
        ],
    )
    position = np.arange(cosines.shape[1])
    known = ~np.isnan(cosines).all(axis=0)
    with plots.figure(8.8, 2.7) as (drawing, (ax,)):
        for line in cosines:
            ax.plot(position, line, color=plots.SERIES[0], lw=0.7, alpha=0.45)
        if known.any():
            mean = np.nanmean(cosines[:, known], axis=0)
            ax.plot(position[known], mean, color=plots.SERIES[1], lw=1.8, label="mean of the walks")
        ax.axhline(SAME_PERSON_COSINE, color=plots.NEUTRAL, lw=0.8, ls=(0, (4, 3)), label="same person above")
        ax.set(title=f"Likeness to the first face: {label}", xlabel="position in the walk", ylabel="cosine")
        ax.legend(loc="best")
        return exhibits.figure(name, drawing)


def tree(exhibits: Exhibits, name: str, found: FaceTree, images: np.ndarray, length: int) -> str:
    """The tree of `images` (image i is step i % length of walk i // length) twice: coloured by step, with the longest
    edges numbered, and by cluster (grey: in none), with the walk's number at the end of each."""
    with plots.figure(8.8, 4.8, 2) as (drawing, axes):
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import LinearSegmentedColormap, Normalize

        walk, step = np.divmod(images, length)
        bins = min(_STEP_COLOURS, length)
        colours = LinearSegmentedColormap.from_list("steps", _STEPS, N=bins)
        which = np.minimum(step * bins // length, bins - 1)
        for k in range(bins):
            _branches(axes[0], found, which == k, colours(k), 1.0)
        scale = ScalarMappable(Normalize(0, length), colours)
        bar = drawing.colorbar(scale, ax=axes[0], location="bottom", shrink=0.6, aspect=40, pad=0.01)
        bar.set_label("position in the walk")
        bar.outline.set_visible(False)
        axes[0].plot(*found.places[step == 0].T, "o", color=plots.INK, ms=3)
        _name_longest(axes[0], found)
        _branches(axes[1], found, found.cluster < 0, plots.NEUTRAL, 0.7)
        for k in range(found.n_clusters):
            _branches(axes[1], found, found.cluster == k, _CLUSTERS[k % len(_CLUSTERS)], 1.2)
        _name_ends(axes[1], found, walk)
        axes[0].set_title("Every edge coloured by the step it leads to; dots: starts")
        axes[1].set_title(f"By cluster ({found.n_clusters}; grey: in none); the walks at their ends")
        for ax in axes:
            # The view widens, not the axes narrow: a slim tree must not cut its title off.
            ax.set_aspect("equal", adjustable="datalim")
            ax.set_axis_off()
        return exhibits.figure(name, drawing)


def _branches(ax: Axes, found: FaceTree, chosen: np.ndarray, colour: Any, width: float) -> None:
    """The edges from the `chosen` nodes to their parents as one line with gaps: a tenth of the file."""
    nodes = np.flatnonzero(chosen & (found.parent >= 0))
    if len(nodes):
        gaps = np.full((len(nodes), 2), np.nan)
        points = np.stack([found.places[found.parent[nodes]], found.places[nodes], gaps], axis=1)
        ax.plot(*points.reshape(-1, 2).T, color=colour, lw=width)


def _name_longest(ax: Axes, found: FaceTree) -> None:
    # The longest last: its number is not to lie under others.
    for i, (node, parent, _) in reversed([*enumerate(found.longest(_LONGEST_NAMED), 1)]):
        middle = (found.places[node] + found.places[parent]) / 2
        ax.annotate(
            str(i),
            tuple(middle),
            fontsize=7,
            ha="center",
            va="center",
            bbox={
                "boxstyle": "circle,pad=0.15",
                "fc": "#ffffff",
                "ec": plots.MUTED,
                "lw": 0.5,
                "alpha": 0.85,
            },
            color="#24262b",
        )


def _name_ends(ax: Axes, found: FaceTree, walk: np.ndarray) -> None:
    """The walk's number a little beyond its last face, seen from the root."""
    beyond = 0.045 * float(np.ptp(found.places, axis=0).max())
    for k in np.unique(walk):
        last = found.places[np.flatnonzero(walk == k)[-1]]
        away = last / max(float(np.linalg.norm(last)), 1e-12)
        x, y = last + beyond * away
        ax.text(x, y, str(k), fontsize=7.5, ha="center", va="center", color=plots.MUTED)
