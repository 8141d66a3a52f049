"""Measures from weighted counts: a bootstrap replicate is one row of weights, a thousand are one array operation.

Every measure takes `Weighted` scores and gives one value a row of weights, [b]; the value itself is the row in which
every image weighs 1. `forensics.metrics.detection` says what each of them is; label 0 is authentic, 1 synthetic, and
a higher score means more likely synthetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FPR_TARGETS = (0.05, 0.01, 0.001)
N_BINS = 10
_LN10 = float(np.log(10.0))
_ENTRIES_A_BLOCK = 4_000_000


@dataclass(frozen=True)
class Weighted:
    """Scores of the two classes and one row of weights a replicate."""

    authentic: Floats  # [a] log10 LR
    synthetic: Floats  # [s] log10 LR
    authentic_weights: Floats  # [b, a], each row sums to a
    synthetic_weights: Floats  # [b, s], each row sums to s

    @cached_property
    def rates(self) -> tuple[Floats, Floats, Floats]:
        """Thresholds [k + 1] falling from +inf; FPR and TPR [b, k + 1] of flagging at or above each."""
        values = np.unique(np.concatenate([self.authentic, self.synthetic]))
        thresholds = np.concatenate([[np.inf], values[::-1]])
        fpr = _flagged(values, self.authentic, self.authentic_weights)
        return thresholds, fpr, _flagged(values, self.synthetic, self.synthetic_weights)

    @cached_property
    def pav_cllr(self) -> Floats:
        """minCllr of each replicate, [b], computed once."""
        return min_cllr(self)

    def means(self, authentic_cost: Floats, synthetic_cost: Floats) -> tuple[Floats, Floats]:
        """Weighted mean cost of each class, both [b]."""
        return (
            self.authentic_weights @ authentic_cost / self.authentic.size,
            self.synthetic_weights @ synthetic_cost / self.synthetic.size,
        )


def split(scores: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats]:
    """Scores of the two classes. ValueError: lengths differ, a NaN, a third label, a class missing."""
    s, y = np.asarray(scores, dtype=np.float64).ravel(), np.asarray(labels).ravel()
    if s.shape != y.shape:
        raise ValueError(f"{s.size} scores but {y.size} labels")
    if np.isnan(s).any():
        raise ValueError("a score is NaN")
    if not np.isin(y, (0, 1)).all():
        raise ValueError("labels must be 0 (authentic) or 1 (synthetic)")
    if not ((y == 0).any() and (y == 1).any()):
        raise ValueError("both authentic and synthetic images are needed")
    return s[y == 0], s[y == 1]


def once(scores: ArrayLike, labels: ArrayLike) -> Weighted:
    """The data themselves: one row in which every image weighs 1."""
    authentic, synthetic = split(scores, labels)
    return Weighted(authentic, synthetic, np.ones((1, authentic.size)), np.ones((1, synthetic.size)))


def _flagged(values: Floats, scores: Floats, weights: Floats) -> Floats:
    """Share [b, k + 1] of the weight at or above each of the rising `values` [k], from the highest down."""
    columns = np.searchsorted(values, scores)
    order = np.argsort(columns, kind="stable")
    present, starts = np.unique(columns[order], return_index=True)
    counts = np.zeros((len(weights), values.size))
    counts[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    share = np.cumsum(counts[:, ::-1], axis=1) / scores.size
    return np.concatenate([np.zeros((len(weights), 1)), np.minimum(share, 1.0)], axis=1)


def auc(data: Weighted) -> Floats:
    """Area under the ROC; a tie counts ½."""
    _, fpr, tpr = data.rates
    return np.asarray(((tpr[:, 1:] + tpr[:, :-1]) / 2 * np.diff(fpr, axis=1)).sum(axis=1))


def eer(data: Weighted) -> Floats:
    """Where FPR = 1 − TPR, linear between the vertices of the ROC."""
    _, fpr, tpr = data.rates
    excess = fpr - (1 - tpr)  # rises from -1 to 1 along each row
    j = np.maximum((excess >= 0).argmax(axis=1), 1)
    rows = np.arange(len(fpr))
    before, after = excess[rows, j - 1], excess[rows, j]
    t = -before / (after - before)
    return np.asarray(fpr[rows, j - 1] + t * (fpr[rows, j] - fpr[rows, j - 1]))


def at_fpr(data: Weighted, target: float) -> tuple[Floats, Floats, Floats]:
    """TPR, FPR reached and threshold, each [b], at the lowest threshold whose FPR is not above `target`."""
    thresholds, fpr, tpr = data.rates
    last = (fpr <= target + 1e-12).sum(axis=1) - 1
    rows = np.arange(len(fpr))
    return tpr[rows, last], fpr[rows, last], thresholds[last]


def cllr(data: Weighted) -> Floats:
    """Log-LR cost in bits."""
    wrong_way = np.logaddexp(0, data.authentic * _LN10), np.logaddexp(0, -data.synthetic * _LN10)
    authentic, synthetic = data.means(*wrong_way)
    return np.asarray((authentic + synthetic) / (2 * np.log(2)))


def min_cllr(data: Weighted) -> Floats:
    """Cllr after the best monotone recalibration: pool adjacent violators at even prior, on pooled ties."""
    _, fpr, tpr = data.rates
    authentic = np.diff(fpr, axis=1)[:, ::-1]  # mass at each distinct score, rising
    synthetic = np.diff(tpr, axis=1)[:, ::-1]
    result = np.empty(len(fpr))
    for b, (a, s) in enumerate(zip(authentic, synthetic, strict=True)):
        there = (a + s) > 0
        a, s = a[there], s[there]
        p = np.clip(isotonic_regression(s / (a + s), weights=a + s).x, 0, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            cost = np.where(s > 0, -s * np.log2(p), 0) + np.where(a > 0, -a * np.log2(1 - p), 0)
        result[b] = cost.sum() / 2
    return result


def ece(data: Weighted) -> Floats:
    """Expected calibration error of the even-prior probability."""
    total: Floats = np.zeros(len(data.authentic_weights))
    bins_a, bins_s = bins(data.authentic), bins(data.synthetic)
    p_a, p_s = probability(data.authentic), probability(data.synthetic)
    for k in range(N_BINS):
        mass_s = data.means(np.zeros_like(p_a), 1.0 * (bins_s == k))[1]
        stated_a, stated_s = data.means(p_a * (bins_a == k), p_s * (bins_s == k))
        total += np.abs(mass_s - (stated_a + stated_s)) / 2  # mass × |rate − mean p|, each class weighing ½
    return total


def bins(scores: Floats) -> Ints:
    """Which of the ten equal bins the even-prior probability of each score falls into."""
    return np.minimum((probability(scores) * N_BINS).astype(np.int64), N_BINS - 1)


def probability(log10_lr: ArrayLike) -> Floats:
    """Probability of synthetic at even prior odds, LR / (1 + LR); same shape as `log10_lr`, in [0, 1]."""
    half = np.tanh(np.asarray(log10_lr, dtype=np.float64) * (_LN10 / 2)) / 2
    return np.asarray(half + 0.5)


def measures() -> dict[str, Callable[[Weighted], Floats]]:
    """Name → measure, in the order of the tables."""
    named: dict[str, Callable[[Weighted], Floats]] = {"auc": auc, "eer": eer}
    for target in FPR_TARGETS:
        named[f"tpr_at_fpr_{target:g}"] = lambda data, t=target: at_fpr(data, t)[0]  # type: ignore[misc]
        named[f"fpr_reached_{target:g}"] = lambda data, t=target: at_fpr(data, t)[1]  # type: ignore[misc]
    named |= {"cllr": cllr, "min_cllr": lambda data: data.pav_cllr}
    named["calibration_loss"] = lambda data: np.maximum(0, cllr(data) - data.pav_cllr)
    return named | {"ece": ece}


def replicates(authentic: Floats, synthetic: Floats, n: int, seed: int) -> Iterator[Weighted]:
    """Stratified bootstrap: each class drawn with replacement to its own size, as counts, in blocks."""
    rngs = [np.random.default_rng([seed, k]) for k in (0, 1)]  # one a class: the block size changes nothing
    block = max(1, min(n, _ENTRIES_A_BLOCK // (authentic.size + synthetic.size)))
    for start in range(0, n, block):
        rows = min(block, n - start)
        drawn = [
            rng.multinomial(c.size, np.full(c.size, 1 / c.size), rows)
            for rng, c in zip(rngs, (authentic, synthetic), strict=True)
        ]
        yield Weighted(authentic, synthetic, *(d.astype(np.float64) for d in drawn))
