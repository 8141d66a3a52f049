"""How well log10 likelihood ratios separate and weigh the two classes.

Convention everywhere: label 0 is authentic, 1 is synthetic, and a higher score means more likely synthetic. A
score flags an image when `score >= threshold`. Scores are log10 LR; AUC, EER, TPR and minCllr depend on their
order only. All measures are computed from weighted counts: a bootstrap replicate is one row of weights, a
thousand are one array operation, and the value itself is the replicate in which every image weighs 1.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from forensics.metrics.auc import area_under_roc
from forensics.metrics.cllr import log_lr_cost
from forensics.metrics.contract import detection_metrics
from forensics.metrics.ece import expected_calibration_error
from forensics.metrics.eer import equal_error_rate
from forensics.metrics.tpr_at_fpr import FPR_TARGETS, rates_at
from forensics.metrics.weighted import (
    LN10,
    N_BINS,
    Floats,
    Ints,
    Weighted,
    bins,
    once,
    probability,
    replicates,
    split,
)

__all__ = [
    "FPR_TARGETS", "N_BINS", "Estimate", "auc", "calibration_loss", "cllr", "cross_entropy", "ece", "eer", "evaluate",
    "measures", "min_cllr", "probability", "recalibrated", "reliability", "roc", "split", "tpr_at_fpr", "wilson",
]  # fmt: skip

# The order of the tables; a metric that is registered beside these comes after them.
_FIRST = ("auc", "eer", "tpr-at-fpr", "cllr", "min-cllr", "calibration-loss", "ece")


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


def auc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under the ROC: the chance that a synthetic image outscores an authentic one, a tie counting ½."""
    return float(area_under_roc(once(scores, labels))[0])


def eer(scores: ArrayLike, labels: ArrayLike) -> float:
    """Equal error rate: where FPR = 1 − TPR on the ROC, linear between its vertices."""
    return float(equal_error_rate(once(scores, labels))[0])


def tpr_at_fpr(scores: ArrayLike, labels: ArrayLike, target: float) -> tuple[float, float, float]:
    """TPR, FPR reached and threshold (log10 LR; +inf: nothing may be flagged) with FPR at most `target`.

    With n authentic images no FPR between 0 and 1/n can be observed: at `target` < 1/n the FPR reached is 0.
    """
    tpr, fpr, threshold = rates_at(once(scores, labels), target)
    return float(tpr[0]), float(fpr[0]), float(threshold[0])


def roc(scores: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """FPR, TPR and threshold at every distinct score, each [k + 1], from nothing flagged to all flagged.

    float64; rates in [0, 1], thresholds log10 LR.
    """
    thresholds, fpr, tpr = once(scores, labels).rates
    return fpr[0], tpr[0], thresholds


def cllr(log10_lr: ArrayLike, labels: ArrayLike) -> float:
    """Log-LR cost in bits (Brümmer & du Preez 2006): 0 is perfect, 1 is as good as always saying LR = 1."""
    return float(log_lr_cost(once(log10_lr, labels))[0])


def min_cllr(scores: ArrayLike, labels: ArrayLike) -> float:
    """Cllr after the best monotone recalibration (PAV): what discrimination costs, in [0, 1] bits."""
    return float(once(scores, labels).min_cllr[0])


def calibration_loss(log10_lr: ArrayLike, labels: ArrayLike) -> float:
    """Cllr − minCllr in bits, at least 0: what the wrong size of the numbers costs."""
    data = once(log10_lr, labels)
    return float(max(0.0, (log_lr_cost(data) - data.min_cllr)[0]))


def ece(log10_lr: ArrayLike, labels: ArrayLike) -> float:
    """Expected calibration error of the even-prior probability: ten equal bins, each class weighing ½."""
    return float(expected_calibration_error(once(log10_lr, labels))[0])


def reliability(log10_lr: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats, Ints]:
    """Mean stated probability, rate of synthetic (each class weighing ½; NaN: empty bin) and n, each [10].

    float64 in [0, 1] and int64 counts.
    """
    authentic, synthetic = split(log10_lr, labels)
    place = np.concatenate([bins(authentic), bins(synthetic)])
    weights = np.concatenate(
        [np.full(authentic.size, 0.5 / authentic.size), np.full(synthetic.size, 0.5 / synthetic.size)]
    )
    stated = weights * probability(np.concatenate([authentic, synthetic]))
    true = weights * np.repeat([0.0, 1.0], [authentic.size, synthetic.size])
    mass, p, rate = (np.bincount(place, weights=w, minlength=N_BINS) for w in (weights, stated, true))
    with np.errstate(invalid="ignore"):
        return p / mass, rate / mass, np.bincount(place, minlength=N_BINS).astype(np.int64)


def cross_entropy(log10_lr: ArrayLike, labels: ArrayLike, log10_prior_odds: ArrayLike) -> Floats:
    """Empirical cross-entropy in bits at each prior (Ramos & González-Rodríguez 2013); at even odds, Cllr.

    float64 [k], at least 0, of k priors and n scores.
    """
    authentic, synthetic = split(log10_lr, labels)
    odds = np.atleast_1d(np.asarray(log10_prior_odds, dtype=np.float64))[:, None]
    p = probability(odds)[:, 0]
    missed = np.logaddexp(0, -(synthetic + odds) * LN10).mean(axis=1)
    accused = np.logaddexp(0, (authentic + odds) * LN10).mean(axis=1)
    return np.asarray((p * missed + (1 - p) * accused) / np.log(2))


def recalibrated(scores: ArrayLike, labels: ArrayLike) -> Floats:
    """log10 LRs [n] after the best monotone recalibration on these very images (PAV); ±inf where a class is alone.

    float64 [n], any value, of scores and labels [n].
    """
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


def evaluate(
    log10_lr: ArrayLike, labels: ArrayLike, *, n_bootstrap: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Every measure with its percentile bootstrap 95 % interval and n.

    Keys: auc, eer, tpr_at_fpr_<t> and fpr_reached_<t> for t in `FPR_TARGETS`, cllr, min_cllr,
    calibration_loss, ece. Where the classes do not overlap no replicate does, and the interval has no width.
    """
    data = once(log10_lr, labels)
    blocks = [measures(block) for block in replicates(data.authentic, data.synthetic, n_bootstrap, seed)]
    n = data.authentic.size, data.synthetic.size
    estimates = {}
    for name, value in measures(data).items():
        low, high = np.percentile(np.concatenate([block[name] for block in blocks]), (2.5, 97.5))
        estimates[name] = Estimate(float(value[0]), float(low), float(high), *n)
    return estimates


def measures(data: Weighted, of: Collection[str] | None = None) -> dict[str, Floats]:
    """The columns of all registered metrics of scores, or of those named `of`, float64 [b], in the order of tables.

    The range is that of each metric.
    """
    columns: dict[str, Floats] = {}
    for name, metric in sorted(detection_metrics().items(), key=lambda entry: _place(entry[0])):
        if of is None or name in of:
            columns |= metric.measure(data)
    return columns


def _place(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST)), name
