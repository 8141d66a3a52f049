"""How well log10 likelihood ratios separate and weigh the two classes.

Convention everywhere: label 0 is authentic, 1 is synthetic, and a higher score means more likely synthetic. A
score flags an image when `score >= threshold`. Scores are log10 LR; AUC, EER, TPR and minCllr depend on their
order only. All measures are computed from weighted counts: a bootstrap replicate is one row of weights, a
thousand are one array operation, and the value itself is the replicate in which every image weighs 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
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
class Estimate:
    """A measure with its stratified bootstrap 95 % interval and the images it rests on."""

    value: float
    low: float
    high: float
    n_authentic: int
    n_synthetic: int

    def to_json(self) -> dict[str, float | int]:
        """The fields as a plain dict; numbers rounded to six decimals so that files repeat."""
        return {k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class _Weighted:
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
    def min_cllr(self) -> Floats:
        """minCllr of each replicate, [b]."""
        return _min_cllr(self)

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


def _once(scores: ArrayLike, labels: ArrayLike) -> _Weighted:
    authentic, synthetic = split(scores, labels)
    return _Weighted(authentic, synthetic, np.ones((1, authentic.size)), np.ones((1, synthetic.size)))


def _flagged(values: Floats, scores: Floats, weights: Floats) -> Floats:
    """Share [b, k + 1] of the weight at or above each of the rising `values` [k], from the highest down."""
    columns = np.searchsorted(values, scores)
    order = np.argsort(columns, kind="stable")
    present, starts = np.unique(columns[order], return_index=True)
    counts = np.zeros((len(weights), values.size))
    counts[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    share = np.cumsum(counts[:, ::-1], axis=1) / scores.size
    return np.concatenate([np.zeros((len(weights), 1)), np.minimum(share, 1.0)], axis=1)


def _auc(data: _Weighted) -> Floats:
    _, fpr, tpr = data.rates
    return np.asarray(((tpr[:, 1:] + tpr[:, :-1]) / 2 * np.diff(fpr, axis=1)).sum(axis=1))


def _eer(data: _Weighted) -> Floats:
    _, fpr, tpr = data.rates
    excess = fpr - (1 - tpr)  # rises from -1 to 1 along each row
    j = np.maximum((excess >= 0).argmax(axis=1), 1)
    rows = np.arange(len(fpr))
    before, after = excess[rows, j - 1], excess[rows, j]
    t = -before / (after - before)
    return np.asarray(fpr[rows, j - 1] + t * (fpr[rows, j] - fpr[rows, j - 1]))


def _at_fpr(data: _Weighted, target: float) -> tuple[Floats, Floats, Floats]:
    """TPR, FPR reached and threshold, each [b], at the lowest threshold whose FPR is not above `target`."""
    thresholds, fpr, tpr = data.rates
    last = (fpr <= target + 1e-12).sum(axis=1) - 1
    rows = np.arange(len(fpr))
    return tpr[rows, last], fpr[rows, last], thresholds[last]


def _cllr(data: _Weighted) -> Floats:
    wrong_way = np.logaddexp(0, data.authentic * _LN10), np.logaddexp(0, -data.synthetic * _LN10)
    authentic, synthetic = data.means(*wrong_way)
    return np.asarray((authentic + synthetic) / (2 * np.log(2)))


def _min_cllr(data: _Weighted) -> Floats:
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


def _ece(data: _Weighted) -> Floats:
    total: Floats = np.zeros(len(data.authentic_weights))
    bins_a, bins_s = _bins(data.authentic), _bins(data.synthetic)
    p_a, p_s = probability(data.authentic), probability(data.synthetic)
    for k in range(N_BINS):
        mass_s = data.means(np.zeros_like(p_a), 1.0 * (bins_s == k))[1]
        stated_a, stated_s = data.means(p_a * (bins_a == k), p_s * (bins_s == k))
        total += np.abs(mass_s - (stated_a + stated_s)) / 2  # mass × |rate − mean p|, each class weighing ½
    return total


def _bins(scores: Floats) -> Ints:
    return np.minimum((probability(scores) * N_BINS).astype(np.int64), N_BINS - 1)


def probability(log10_lr: ArrayLike) -> Floats:
    """Probability of synthetic at even prior odds, LR / (1 + LR); same shape as `log10_lr`, in [0, 1]."""
    half = np.tanh(np.asarray(log10_lr, dtype=np.float64) * (_LN10 / 2)) / 2
    return np.asarray(half + 0.5)


def auc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under the ROC: the chance that a synthetic image outscores an authentic one, a tie counting ½."""
    return float(_auc(_once(scores, labels))[0])


def eer(scores: ArrayLike, labels: ArrayLike) -> float:
    """Equal error rate: where FPR = 1 − TPR on the ROC, linear between its vertices."""
    return float(_eer(_once(scores, labels))[0])


def tpr_at_fpr(scores: ArrayLike, labels: ArrayLike, target: float) -> tuple[float, float, float]:
    """TPR, FPR reached and threshold (log10 LR; +inf: nothing may be flagged) with FPR at most `target`.

    With n authentic images no FPR between 0 and 1/n can be observed: at `target` < 1/n the FPR reached is 0.
    """
    tpr, fpr, threshold = _at_fpr(_once(scores, labels), target)
    return float(tpr[0]), float(fpr[0]), float(threshold[0])


def roc(scores: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """FPR, TPR and threshold at every distinct score, each [k + 1], from nothing flagged to all flagged."""
    thresholds, fpr, tpr = _once(scores, labels).rates
    return fpr[0], tpr[0], thresholds


def cllr(log10_lr: ArrayLike, labels: ArrayLike) -> float:
    """Log-LR cost in bits (Brümmer & du Preez 2006): 0 is perfect, 1 is as good as always saying LR = 1."""
    return float(_cllr(_once(log10_lr, labels))[0])


def min_cllr(scores: ArrayLike, labels: ArrayLike) -> float:
    """Cllr after the best monotone recalibration (PAV): what discrimination costs, in [0, 1] bits."""
    return float(_min_cllr(_once(scores, labels))[0])


def calibration_loss(log10_lr: ArrayLike, labels: ArrayLike) -> float:
    """Cllr − minCllr in bits, at least 0: what the wrong size of the numbers costs."""
    data = _once(log10_lr, labels)
    return float(max(0.0, (_cllr(data) - _min_cllr(data))[0]))


def ece(log10_lr: ArrayLike, labels: ArrayLike) -> float:
    """Expected calibration error of the even-prior probability: ten equal bins, each class weighing ½."""
    return float(_ece(_once(log10_lr, labels))[0])


def reliability(log10_lr: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats, Ints]:
    """Mean stated probability, rate of synthetic (each class weighing ½; NaN: empty bin) and n, each [10]."""
    authentic, synthetic = split(log10_lr, labels)
    bins = np.concatenate([_bins(authentic), _bins(synthetic)])
    weights = np.concatenate(
        [np.full(authentic.size, 0.5 / authentic.size), np.full(synthetic.size, 0.5 / synthetic.size)]
    )
    stated = weights * probability(np.concatenate([authentic, synthetic]))
    true = weights * np.repeat([0.0, 1.0], [authentic.size, synthetic.size])
    mass, p, rate = (np.bincount(bins, weights=w, minlength=N_BINS) for w in (weights, stated, true))
    with np.errstate(invalid="ignore"):
        return p / mass, rate / mass, np.bincount(bins, minlength=N_BINS).astype(np.int64)


def cross_entropy(log10_lr: ArrayLike, labels: ArrayLike, log10_prior_odds: ArrayLike) -> Floats:
    """Empirical cross-entropy in bits at each prior (Ramos & González-Rodríguez 2013); at even odds, Cllr."""
    authentic, synthetic = split(log10_lr, labels)
    odds = np.atleast_1d(np.asarray(log10_prior_odds, dtype=np.float64))[:, None]
    p = probability(odds)[:, 0]
    missed = np.logaddexp(0, -(synthetic + odds) * _LN10).mean(axis=1)
    accused = np.logaddexp(0, (authentic + odds) * _LN10).mean(axis=1)
    return np.asarray((p * missed + (1 - p) * accused) / np.log(2))


def recalibrated(scores: ArrayLike, labels: ArrayLike) -> Floats:
    """log10 LRs [n] after the best monotone recalibration on these very images (PAV); ±inf where a class is alone."""
    s, y = np.asarray(scores, dtype=np.float64).ravel(), np.asarray(labels).ravel()
    authentic, synthetic = split(s, y)
    weights = np.where(y == 1, 0.5 / synthetic.size, 0.5 / authentic.size)
    place = np.unique(s, return_inverse=True)[1]
    mass = np.bincount(place, weights=weights)
    p = isotonic_regression(np.bincount(place, weights=weights * y) / mass, weights=mass).x[place]
    with np.errstate(divide="ignore"):
        return np.asarray(np.log10(np.clip(p, 0, 1)) - np.log10(np.clip(1 - p, 0, 1)))


def wilson(k: int, n: int) -> tuple[float, float]:
    """Wilson 95 % interval (1927) of a proportion k / n at a threshold fixed beforehand; n = 0: (0, 1)."""
    if n == 0:
        return 0.0, 1.0
    z = 1.959963984540054
    centre = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * float(np.sqrt(k * (n - k) / n + z * z / 4))
    return (0.0 if k == 0 else max(0.0, centre - half)), (1.0 if k == n else min(1.0, centre + half))


def _measures() -> dict[str, Callable[[_Weighted], Floats]]:
    named: dict[str, Callable[[_Weighted], Floats]] = {"auc": _auc, "eer": _eer}
    for target in FPR_TARGETS:
        named[f"tpr_at_fpr_{target:g}"] = lambda data, t=target: _at_fpr(data, t)[0]  # type: ignore[misc]
        named[f"fpr_reached_{target:g}"] = lambda data, t=target: _at_fpr(data, t)[1]  # type: ignore[misc]
    named |= {"cllr": _cllr, "min_cllr": lambda data: data.min_cllr}
    named["calibration_loss"] = lambda data: np.maximum(0, _cllr(data) - data.min_cllr)
    return named | {"ece": _ece}


def _replicates(authentic: Floats, synthetic: Floats, n: int, seed: int) -> Iterator[_Weighted]:
    """Stratified bootstrap: each class drawn with replacement to its own size, as counts, in blocks."""
    rngs = [np.random.default_rng([seed, k]) for k in (0, 1)]  # one a class: the block size changes nothing
    block = max(1, min(n, _ENTRIES_A_BLOCK // (authentic.size + synthetic.size)))
    for start in range(0, n, block):
        rows = min(block, n - start)
        drawn = [
            rng.multinomial(c.size, np.full(c.size, 1 / c.size), rows)
            for rng, c in zip(rngs, (authentic, synthetic), strict=True)
        ]
        yield _Weighted(authentic, synthetic, *(d.astype(np.float64) for d in drawn))


def evaluate(
    log10_lr: ArrayLike, labels: ArrayLike, *, n_bootstrap: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Every measure with its percentile bootstrap 95 % interval and n.

    Keys: auc, eer, tpr_at_fpr_<t> and fpr_reached_<t> for t in `FPR_TARGETS`, cllr, min_cllr,
    calibration_loss, ece. Where the classes do not overlap no replicate does, and the interval has no width.
    """
    data = _once(log10_lr, labels)
    measures = _measures()
    drawn: dict[str, list[Floats]] = {name: [] for name in measures}
    for replicate in _replicates(data.authentic, data.synthetic, n_bootstrap, seed):
        for name, measure in measures.items():
            drawn[name].append(measure(replicate))
    n = data.authentic.size, data.synthetic.size
    estimates = {}
    for name, measure in measures.items():
        low, high = np.percentile(np.concatenate(drawn[name]), (2.5, 97.5))
        estimates[name] = Estimate(float(measure(data)[0]), float(low), float(high), *n)
    return estimates
