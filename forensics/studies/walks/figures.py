"""The figures of a walk study; each writes SVG and PNG, and its numbers as a CSV of the same name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from forensics.corpus.likeness import SAME_PERSON_COSINE
from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.report.rows import IF_MEASURED, Row
from forensics.studies.walks.percent_yield import (
    Histogram,
    Interval,
    Outcome,
    along,
    histogram,
    network_interval,
    walk_interval,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Outcomes = Mapping[str, Outcome]

_LEAST_SPAN = {"confidence": 0.05, "log10_lr": 0.5}  # of an axis: differences under it are not to look large


@dataclass(frozen=True)
class ScoreBin(Row):
    """How many images of a network have a confidence from `start` to `end`; 0 to 0: no face."""

    network: str
    start: float
    end: float
    images: int
    share: float


def _score_bins(label: str, outcome: Outcome, counted: Histogram) -> list[ScoreBin]:
    n = outcome.scores.size
    bins = zip(counted.edges[:-1], counted.edges[1:], counted.counts, strict=True)
    return [
        ScoreBin(label, 0.0, 0.0, counted.without, counted.without / n),
        *(ScoreBin(label, round(a, 6), round(b, 6), int(k), int(k) / n) for a, b, k in bins),
    ]


def histograms(exhibits: Exhibits, name: str, outcomes: Outcomes) -> str:
    """Confidence of the face finder, a panel a network on the same axes; images without a face apart, at the left."""
    counted = {label: histogram(outcome.scores) for label, outcome in outcomes.items()}
    exhibits.table(
        name, [row for label, h in counted.items() for row in _score_bins(label, outcomes[label], h)]
    )
    with plots.figure(8.8, 2.5 * -(-len(counted) // 2) + 0.3) as (drawing, _):
        axes = plots.panels(drawing, len(counted), sharex=True, sharey=True)
        for ax, (label, h), colour in zip(axes, counted.items(), _cycle(len(counted)), strict=True):
            n, width = outcomes[label].scores.size, h.edges[1] - h.edges[0]
            ax.bar(h.edges[:-1], 100 * h.counts / n, width, align="edge", color=colour, lw=0)
            ax.bar([-0.05], [100 * h.without / n], 0.05, color=plots.NEUTRAL, lw=0)
            ax.set_title(f"{label}: {n} images, {h.without} without a face")
            ax.set(xlim=(-0.1, 1.01), xlabel="confidence of the best face", ylabel="% of images")
            ax.set_xticks([-0.05, 0.2, 0.4, 0.6, 0.8, 1.0], ["none", "0.2", "0.4", "0.6", "0.8", "1.0"])
        return exhibits.figure(name, drawing)


def _cycle(n: int) -> list[str]:
    return [plots.SERIES[i % len(plots.SERIES)] for i in range(n)]


@dataclass(frozen=True)
class IntervalRow(Row):
    """A measure of one walk of a network, or of "all", with its interval."""

    network: str
    measure: str
    walk: int | str
    value: float
    low: float
    high: float


def _interval_rows(label: str, outcome: Outcome, seed: int) -> list[IntervalRow]:
    rows = []
    for measure, values in (("yield", outcome.has_face), ("confidence", outcome.scores)):
        intervals: dict[int | str, Interval] = {"all": network_interval(values, seed)}
        intervals |= {k: walk_interval(line, seed) for k, line in enumerate(values)}
        rows += [IntervalRow(label, measure, walk, **vars(interval)) for walk, interval in intervals.items()]
    return rows


def yields(exhibits: Exhibits, name: str, outcomes: Outcomes, seed: int) -> str:
    """Percent yield and mean confidence of every walk with its interval; a band for the network's own."""
    rows = [row for label, outcome in outcomes.items() for row in _interval_rows(label, outcome, seed)]
    exhibits.table(name, rows)
    with plots.figure(8.8, 3.2, 2) as (drawing, (left, right)):
        for ax, measure, factor in ((left, "yield", 100), (right, "confidence", 1)):
            for i, (label, colour) in enumerate(zip(outcomes, _cycle(len(outcomes)), strict=True)):
                group = [row for row in rows if row.measure == measure and row.network == label]
                _intervals(ax, group, colour, factor, 0.5 * (i - (len(outcomes) - 1) / 2) / len(outcomes))
            ax.locator_params(axis="x", integer=True)
            _spread(ax, measure)
        left.set(title="Percent yield of each walk", xlabel="walk", ylabel="%")
        right.set(title="Mean confidence of each walk", xlabel="walk", ylabel="score, 0.00 where no face")
        left.set_ylim(min(0.0, left.get_ylim()[0]), 104)
        if len(outcomes) > 1:
            plots.legend_below(drawing, left)
        return exhibits.figure(name, drawing)


def _intervals(ax: Axes, rows: Sequence[IntervalRow], colour: str, factor: int, offset: float) -> None:
    whole, *walks = rows
    x = np.array([float(row.walk) for row in walks]) + offset
    ax.axhspan(factor * whole.low, factor * whole.high, color=colour, alpha=0.15, lw=0)
    ax.axhline(factor * whole.value, color=colour, lw=0.8, ls=(0, (4, 3)))
    ax.vlines(
        x, [factor * row.low for row in walks], [factor * row.high for row in walks], color=colour, lw=1.4
    )
    ax.plot(x, [factor * row.value for row in walks], "o", color=colour, ms=4, label=whole.network)


def _spread(ax: Axes, measure: str) -> None:
    """Widen the y axis where it would magnify differences that mean nothing."""
    low, high = ax.get_ylim()
    lacking = _LEAST_SPAN.get(measure, 0.0) - (high - low)
    if lacking > 0:
        ax.set_ylim(low - lacking / 2, high + lacking / 2)


@dataclass(frozen=True)
class AlongRow(Row):
    """A stretch of the walks of a network: yield in per cent, confidence and, with a detector, its log10 LR."""

    network: str
    position: float
    radius: float
    face_yield: float
    confidence: float
    log10_lr: float | None = field(default=None, metadata=IF_MEASURED)


def _along_rows(label: str, outcome: Outcome) -> list[AlongRow]:
    middle, radius = along(outcome.radius)
    columns = [radius, along(100 * outcome.has_face)[1], along(outcome.scores)[1]]
    if outcome.log10_lr is not None:
        columns.append(along(outcome.log10_lr)[1])
    return [AlongRow(label, *map(float, values)) for values in zip(middle, *columns, strict=True)]


_ALONG = {
    "face_yield": "Share of images with a face, %",
    "confidence": "Mean confidence, 0.00 where no face",
    "log10_lr": "Mean log10 LR, higher = more likely synthetic",
}


def along_walks(exhibits: Exhibits, name: str, outcomes: Outcomes) -> str:
    """Yield, confidence and, where a detector was asked, its log10 LR along the walk, means over all walks."""
    rows = [row for label, outcome in outcomes.items() for row in _along_rows(label, outcome)]
    exhibits.table(name, rows)
    measures = [name for name in _ALONG if getattr(rows[0], name) is not None]
    with plots.figure(8.8, 2.6 * -(-len(measures) // 2)) as (drawing, _):
        axes = plots.panels(drawing, len(measures))
        for ax, measure in zip(axes, measures, strict=True):
            for label, colour in zip(outcomes, _cycle(len(outcomes)), strict=True):
                group = [row for row in rows if row.network == label]
                x, y = [row.position for row in group], [getattr(row, measure) for row in group]
                ax.plot(x, y, color=colour, label=label)
            ax.set(title=_ALONG[measure], xlabel="position in the walk")
            _spread(ax, measure)
        axes[0].set_ylim(0, 104)
        if len(outcomes) > 1:
            plots.legend_below(drawing, axes[0])
        return exhibits.figure(name, drawing)


@dataclass(frozen=True)
class DriftRow(Row):
    """How like the first face of its walk an image's face is (None: no face)."""

    walk: int
    position: int
    radius: float
    cosine: float | None


def drifts(exhibits: Exhibits, name: str, cosines: np.ndarray, radius: np.ndarray, label: str) -> str:
    """Cosine to the first face, a line a walk of [walks, length], and their mean; NaN where there is no face."""
    rows = [
        DriftRow(k, i, float(radius[k, i]), float(value))
        for k, line in enumerate(cosines)
        for i, value in enumerate(line)
    ]
    exhibits.table(name, rows)
    position = np.arange(cosines.shape[1])
    known = ~np.isnan(cosines).all(axis=0)
    with plots.figure(8.8, 2.9) as (drawing, (ax,)):
        for k, line in enumerate(cosines):
            each = "a walk" if k == 0 else None
            ax.plot(position, line, color=plots.SERIES[0], lw=0.7, alpha=0.45, label=each)
        if known.any():
            mean = np.nanmean(cosines[:, known], axis=0)
            ax.plot(position[known], mean, color=plots.SERIES[1], lw=1.8, label="mean of the walks")
        ax.axhline(SAME_PERSON_COSINE, color=plots.NEUTRAL, lw=0.8, ls=(0, (4, 3)), label="same person above")
        ax.set(title=f"Likeness to the first face: {label}", xlabel="position in the walk", ylabel="cosine")
        plots.legend_below(drawing, ax)
        return exhibits.figure(name, drawing)
