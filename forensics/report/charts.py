"""The figures of a benchmark: each takes log10 LRs and labels, and returns a data: URI of an SVG.

`curves` maps a name to (log10_lr [n], labels [n]); with several, each gets its colour in order of insertion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from forensics.metrics import detection as metrics
from forensics.report import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curves = Mapping[str, tuple[ArrayLike, ArrayLike]]

_SHARE_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)


def roc(curves: Curves) -> str:
    """ROC with a logarithmic FPR down to half an image: low false alarm rates are where decisions are made."""
    with plots.figure() as (drawing, (axes,)):
        floor = min(0.5 / np.sum(np.asarray(labels) == 0) for _, labels in curves.values())
        for colour, (name, (scores, labels)) in zip(plots.SERIES, curves.items(), strict=False):
            fpr, tpr, _ = metrics.roc(scores, labels)
            legend = f"{name}  {metrics.auc(scores, labels):.3f}"
            axes.plot(np.maximum(fpr, floor), tpr, color=colour, label=legend, drawstyle="steps-post")
        chance = np.geomspace(floor, 1, 100)
        axes.plot(chance, chance, color=plots.NEUTRAL, lw=0.8, ls=(0, (4, 3)))
        axes.set(xscale="log", xlim=(floor, 1), ylim=(0, 1.005), title="ROC (area under it in the legend)")
        axes.set(xlabel="false positive rate", ylabel="true positive rate")
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        drawing.legend(loc="outside lower center", ncols=1)
        return plots.svg_uri(drawing)


def det(curves: Curves) -> str:
    """Detection error trade-off on normal deviate axes (Martin et al. 1997): normal scores give straight lines."""
    from scipy.stats import norm

    with plots.figure() as (drawing, (axes,)):
        for colour, (name, (scores, labels)) in zip(plots.SERIES, curves.items(), strict=False):
            fpr, tpr, _ = metrics.roc(scores, labels)
            inside = (fpr > 0) & (fpr < 1) & (tpr > 0) & (tpr < 1)
            legend = f"{name}  {100 * metrics.eer(scores, labels):.1f} %"
            axes.plot(norm.ppf(fpr[inside]), norm.ppf(1 - tpr[inside]), color=colour, label=legend)
        ticks, limits = norm.ppf(_SHARE_TICKS), norm.ppf((0.0008, 0.995))
        axes.plot(limits, limits, color=plots.NEUTRAL, lw=0.8, ls=(0, (4, 3)))
        axes.set_xticks(ticks, [f"{100 * t:g}" for t in _SHARE_TICKS])
        axes.set_yticks(ticks, [f"{100 * t:g}" for t in _SHARE_TICKS])
        axes.set(xlim=limits, ylim=limits, xlabel="false positives, %", ylabel="misses, %")
        axes.set(title="DET (equal error rate in the legend)")
        drawing.legend(loc="outside lower center", ncols=1)
        return plots.svg_uri(drawing)


def histogram(scores: ArrayLike, labels: ArrayLike, thresholds: Sequence[float] = ()) -> str:
    """Scores of both classes as shares of each class; dashed lines at `thresholds`."""
    authentic, synthetic = metrics.split(scores, labels)
    both = np.concatenate([authentic, synthetic])
    edges = np.linspace(both.min(), both.max() + 1e-9, 36).tolist()
    with plots.figure() as (drawing, (axes,)):
        for values, colour, name in (
            (authentic, plots.AUTHENTIC, "authentic"),
            (synthetic, plots.SYNTHETIC, "synthetic"),
        ):
            weights = np.full(values.size, 100 / values.size)
            legend = f"{name}, n = {values.size}"
            axes.hist(values, edges, weights=weights, color=colour, alpha=0.3, lw=0)
            axes.hist(values, edges, weights=weights, color=colour, histtype="step", lw=1.2, label=legend)
        _mark(axes, thresholds)
        axes.set(xlabel="log10 LR, higher = more likely synthetic", ylabel="% of class", title="Scores")
        drawing.legend(loc="outside lower center", ncols=1)
        return plots.svg_uri(drawing)


def tippett(scores: ArrayLike, labels: ArrayLike) -> str:
    """Share of each class with at least this log10 LR; at 0 it shows the rates of misleading evidence."""
    authentic, synthetic = metrics.split(scores, labels)
    with plots.figure() as (drawing, (axes,)):
        for values, colour, name in (
            (authentic, plots.AUTHENTIC, "authentic"),
            (synthetic, plots.SYNTHETIC, "synthetic"),
        ):
            x = np.sort(values)
            share = 100 * np.arange(x.size, 0, -1) / x.size
            misleading = np.mean(values > 0) if name == "authentic" else np.mean(values < 0)
            legend = f"{name}, {100 * misleading:.1f} % misleading"
            axes.step(np.append(x, x[-1]), np.append(share, 0), color=colour, where="pre", label=legend)
        _mark(axes, (0.0,))
        axes.set(xlabel="log10 LR", ylabel="% of class at or above", ylim=(0, 101), title="Tippett plot")
        drawing.legend(loc="outside lower center", ncols=1)
        return plots.svg_uri(drawing)


def reliability(scores: ArrayLike, labels: ArrayLike) -> str:
    """Stated probability at even prior odds against the rate found; areas of the marks are numbers of images."""
    stated, rate, n = metrics.reliability(scores, labels)
    filled = n > 0
    with plots.figure() as (drawing, (axes,)):
        axes.plot([0, 1], [0, 1], color=plots.NEUTRAL, lw=0.8, ls=(0, (4, 3)))
        axes.plot(stated[filled], rate[filled], color=plots.AUTHENTIC, lw=1)
        axes.scatter(
            stated[filled], rate[filled], s=12 + 200 * n[filled] / n.sum(), color=plots.AUTHENTIC, lw=0
        )
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), title="Reliability")
        axes.set(xlabel="probability stated, even prior odds", ylabel="rate of synthetic found")
        return plots.svg_uri(drawing)


def cross_entropy(scores: ArrayLike, labels: ArrayLike) -> str:
    """Empirical cross-entropy over priors: as stated, after the best recalibration, and of knowing the prior only."""
    priors = np.linspace(-2.5, 2.5, 101)
    best = metrics.recalibrated(scores, labels)
    with plots.figure() as (drawing, (axes,)):
        silent: dict[str, Any] = {"color": plots.NEUTRAL, "lw": 1, "ls": (0, (4, 3)), "label": "LR always 1"}
        axes.plot(priors, metrics.cross_entropy(np.zeros(2), [0, 1], priors), **silent)
        stated = metrics.cross_entropy(scores, labels, priors)
        axes.plot(priors, stated, color=plots.SYNTHETIC, label="as stated")
        axes.plot(
            priors, metrics.cross_entropy(best, labels, priors), color=plots.AUTHENTIC, label="recalibrated"
        )
        axes.set(ylim=(0, min(1.4, 1.1 * max(1.0, float(stated.max())))), title="Empirical cross-entropy")
        axes.set(xlabel="prior odds of synthetic, log10", ylabel="bits")
        drawing.legend(loc="outside lower center", ncols=1)
        return plots.svg_uri(drawing)


def _mark(axes: Axes, at: Sequence[float]) -> None:
    for x in at:
        axes.axvline(x, color=plots.MUTED, lw=0.8, ls=(0, (4, 3)))
