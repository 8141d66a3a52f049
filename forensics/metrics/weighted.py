"""Scores with weights: a bootstrap replicate is one row of weights, a thousand are one array operation.

Every metric of this package takes `Weighted` scores and gives one value a row of weights, [b]; the value itself is the
row in which every image weighs 1. Label 0 is authentic, 1 synthetic; a higher score means more likely synthetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_BINS: Final = 10
LN10: Final = float(np.log(10.0))
_ENTRIES_A_BLOCK = 4_000_000


@dataclass(frozen=True)
class Weighted:
    """Scores of the two classes and one row of weights a replicate, all float64."""

    authentic: Floats  # [a] log10 LR
    synthetic: Floats  # [s] log10 LR
    authentic_weights: Floats  # [b, a], each row sums to a
    synthetic_weights: Floats  # [b, s], each row sums to s

    @cached_property
    def rates(self) -> tuple[Floats, Floats, Floats]:
        """Thresholds [k + 1] falling from +inf; FPR and TPR [b, k + 1] in [0, 1] of flagging at or above each.

        float64.
        """
        values = np.unique(np.concatenate([self.authentic, self.synthetic]))
        thresholds = np.concatenate([[np.inf], values[::-1]])
        fpr = _flagged(values, self.authentic, self.authentic_weights)
        return thresholds, fpr, _flagged(values, self.synthetic, self.synthetic_weights)

    @cached_property
    def min_cllr(self) -> Floats:
        """Cllr of each replicate after the best monotone recalibration, [b] in [0, 1] bits; computed once.

        Pool adjacent violators at even prior, on pooled ties.
        float64.
        """
        _, fpr, tpr = self.rates
        authentic = np.diff(fpr, axis=1)[:, ::-1]  # mass at each distinct score, rising
        synthetic = np.diff(tpr, axis=1)[:, ::-1]
        return np.array([_pooled_cost(a, s) for a, s in zip(authentic, synthetic, strict=True)])

    def means(self, authentic_cost: Floats, synthetic_cost: Floats) -> tuple[Floats, Floats]:
        """Weighted mean cost of each class, both [b], of costs [a] and [s]. float64, any value."""
        return (
            self.authentic_weights @ authentic_cost / self.authentic.size,
            self.synthetic_weights @ synthetic_cost / self.synthetic.size,
        )


def _pooled_cost(authentic: Floats, synthetic: Floats) -> float:
    there = (authentic + synthetic) > 0
    a, s = authentic[there], synthetic[there]
    p = np.clip(isotonic_regression(s / (a + s), weights=a + s).x, 0, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.where(s > 0, -s * np.log2(p), 0) + np.where(a > 0, -a * np.log2(1 - p), 0)
    return float(cost.sum() / 2)


def split(scores: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats]:
    """Scores of the two classes, float64 [a] and [s]. ValueError: lengths differ, a NaN, a third label, one class.

    log10 LR, any value but NaN.
    """
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
    """The data themselves, scores and labels [n]: one row in which every image weighs 1."""
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


def bins(scores: Floats) -> Ints:
    """Which of the ten equal bins, 0 to 9, the even-prior probability of each score [n] falls into.

    int64 [n] of float64 log10 LR.
    """
    return np.minimum((probability(scores) * N_BINS).astype(np.int64), N_BINS - 1)


def probability(log10_lr: ArrayLike) -> Floats:
    """Probability of synthetic at even prior odds, LR / (1 + LR); same shape as `log10_lr`, in [0, 1].

    float64 [n].
    """
    half = np.tanh(np.asarray(log10_lr, dtype=np.float64) * (LN10 / 2)) / 2
    return np.asarray(half + 0.5)


def replicates(authentic: Floats, synthetic: Floats, n: int, seed: int) -> Iterator[Weighted]:
    """Stratified bootstrap: each class drawn with replacement to its own size, as counts, in blocks.

    float64 [a] and [s] log10 LR, any value.
    """
    rngs = [np.random.default_rng([seed, k]) for k in (0, 1)]  # one a class: the block size changes nothing
    block = max(1, min(n, _ENTRIES_A_BLOCK // (authentic.size + synthetic.size)))
    for start in range(0, n, block):
        rows = min(block, n - start)
        drawn = [
            rng.multinomial(c.size, np.full(c.size, 1 / c.size), rows)
            for rng, c in zip(rngs, (authentic, synthetic), strict=True)
        ]
        yield Weighted(authentic, synthetic, *(d.astype(np.float64) for d in drawn))
