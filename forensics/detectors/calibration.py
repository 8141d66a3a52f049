"""From a raw score to a likelihood ratio, with bounds, and from likelihood ratios to a verdict.

- Affine logistic calibration (Platt scaling with each class weighing half, so that the fitted log odds are the log LR:
  Brümmer & du Preez 2006).
- ELUB, the empirical lower and upper bounds of the LR that a pool of this size supports (Vergeer et al. 2016).
- Thresholds at a target error rate, with the finite-sample step of conformal prediction: the k-th highest of n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forensics.core.errors import DetectorError
from forensics.detectors.checked import number, record
from forensics.detectors.thresholds import Thresholds

Floats = NDArray[np.float64]
_LN10: Final = float(np.log(10.0))
_RIDGE: Final = 1e-3  # keeps the slope finite where the pool is separated; negligible elsewhere


@dataclass(frozen=True)
class Calibration:
    """log10 LR = clip(slope · raw + offset, lowest, highest)."""

    slope: float
    offset: float
    lowest: float
    highest: float

    def __call__(self, raw: ArrayLike) -> Floats:
        """float64 [n] log10 LR within the bounds, of raw scores [n] of any value."""
        return np.clip(self.uncapped(raw), self.lowest, self.highest)

    def uncapped(self, raw: ArrayLike) -> Floats:
        """float64 [n], of any value: the same without the bounds (for maps, whose mean is the score).

        DetectorError where the outcome is no finite number: weights that overflow give no evidence.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            scores = np.asarray(self.slope * np.asarray(raw, np.float64) + self.offset)
        if not np.isfinite(scores).all():
            raise DetectorError("a score of this detector is not a finite number; train the detector again")
        return scores

    def to_json(self) -> dict[str, float]:
        """Plain values."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, value: object) -> Calibration:
        """The inverse of `to_json`; ValueError where the values make no calibration."""
        stated = record(value, "a calibration", cls)
        return cls(
            slope=number(stated, "slope", 0.0),
            offset=number(stated, "offset"),
            lowest=number(stated, "lowest", high=0.0),
            highest=number(stated, "highest", low=0.0),
        )


def fit_calibration(
    raw: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None, draws: int = 1
) -> Calibration:
    """Calibrate raw scores [n] against labels [n] (1 synthetic); `weights` [n] tell how much each counts.

    `draws`: how many of the scores come from one image, so that the bounds rest on images.

    DetectorError where a class is missing or a score is not finite.
    """
    scores, y, w = _checked(raw, labels, weights)
    centre, scale = float(np.average(scores, weights=w)), float(scores.std()) or 1.0
    coefficients, offset = fit_logistic(((scores - centre) / scale)[:, None], y, w)
    slope = max(float(coefficients[0]), 0.0) / scale / _LN10
    line = Calibration(slope, float(offset) / _LN10 - slope * centre, -np.inf, np.inf)
    lowest, highest = elub(line.uncapped(scores), y, draws)
    return Calibration(line.slope, line.offset, lowest, highest)


def fit_logistic(
    features: Floats, labels: ArrayLike, weights: Floats, ridge: float = _RIDGE
) -> tuple[Floats, float]:
    """Coefficients float64 [d] and offset of a logistic regression on features float64 [n, d] of any value.

    Natural log odds at even prior, each class (labels [n], 0 or 1) weighing ½.
    """
    from sklearn.linear_model import LogisticRegression

    y = np.asarray(labels)
    balanced = weights.astype(np.float64).copy()
    for label in (0, 1):
        balanced[y == label] *= len(y) / 2 / balanced[y == label].sum()
    model = LogisticRegression(C=1 / (ridge * len(y)), max_iter=2000, tol=1e-10)
    model.fit(features, y, sample_weight=balanced)
    return model.coef_[0].astype(np.float64), float(model.intercept_[0])


def elub(log10_lr: ArrayLike, labels: ArrayLike, draws: int = 1) -> tuple[float, float]:
    """Lowest and highest log10 LR that these likelihood ratios support (Vergeer et al. 2016, eq. 5-8).

    At each prior, deciding by the LRs, with one added misleading image a class (`draws` scores), must beat deciding
    without them; the bounds are where it stops doing so. Lowest ≤ 0 ≤ highest.
    """
    scores, y, _ = _checked(log10_lr, labels, None)
    authentic, synthetic = np.sort(scores[y == 0]), np.sort(scores[y == 1])
    grid = np.arange(-6.0, 6.0, 0.01)
    missed = (np.searchsorted(synthetic, grid, side="left") + draws) / (len(synthetic) + draws)
    alarmed = (len(authentic) - np.searchsorted(authentic, grid, side="left") + draws) / (
        len(authentic) + draws
    )
    threshold = 10.0**grid
    worse = missed + threshold * alarmed >= np.minimum(1.0, threshold)
    below, above = grid[worse & (grid <= 0)], grid[worse & (grid >= 0)]
    lowest = float(min(below.max() + 0.01, 0.0)) if below.size else float(grid[0])
    highest = float(max(above.min() - 0.01, 0.0)) if above.size else float(grid[-1])
    return round(lowest, 2), round(highest, 2)


def fix_thresholds(
    log10_lr: ArrayLike,
    labels: ArrayLike,
    targets: tuple[float, float],
    weights: ArrayLike | None = None,
    draws: int = 1,
    sources: ArrayLike | None = None,
) -> Thresholds:
    """Thresholds that keep the error rates (`targets`: FPR, FNR) on these scores, neither beyond LR = 1.

    The errors allowed among n images of a class weigh (n + 1) · target − 1, so that a new image of the same kind errs
    with probability at most the target (split conformal prediction). `draws` scores come from each image, and weigh
    `weights` [n], one on average. Where n is too small for the target, no error is allowed and `how` says so. Where
    `sources` [n] are given, the rate is kept on each that is large enough for an error to be allowed, so that an easy
    one hides no hard one.
    """
    scores, y, w = _checked(log10_lr, labels, weights)
    origin = np.zeros(len(y), np.int64) if sources is None else np.asarray(sources)
    notes, cut, n_images = [], [], []
    for label, target, name in ((0, targets[0], "authentic"), (1, targets[1], "synthetic")):
        misleading = scores[y == label] * (1 if label == 0 else -1)
        n = round(len(misleading) / draws)
        if (n + 1) * target < 1:
            notes.append(f"; {n} {name} images are too few for a rate of {target:g}: no error is allowed")
        cuts = [_cut(misleading, w[y == label], n, target)]
        for source in np.unique(origin[y == label]):
            rows = origin[y == label] == source
            n_source = round(rows.sum() / draws)
            if (n_source + 1) * target >= 2:  # of fewer images, one strange one alone would decide
                cuts.append(_cut(misleading[rows], w[y == label][rows], n_source, target))
        cut.append(max(cuts))
        n_images.append(n)
    each = "" if sources is None else " of each source"
    return Thresholds(
        synthetic_at=round(max(cut[0], 0.01) + 1e-4, 4),
        authentic_at=round(min(-cut[1], -0.01) - 1e-4, 4),
        target_fpr=targets[0],
        target_fnr=targets[1],
        n_authentic=n_images[0],
        n_synthetic=n_images[1],
        how=f"errors allowed on the calibration pool weigh (n + 1) target - 1 of n images{each}, {draws} views each, "
        f"scored by calibrations fitted without them{''.join(notes)}",
    )


def _cut(misleading: Floats, weights: Floats, n: int, target: float) -> float:
    """The score at and below which all but the allowed weight of the `misleading` scores of n images lies."""
    allowed = ((n + 1) * target - 1) * float(weights.sum()) / n
    order = np.argsort(-misleading, kind="stable")
    k = int(np.searchsorted(np.cumsum(weights[order]), max(allowed, 0.0) + 1e-9, side="right"))
    return float(misleading[order][min(k, len(order) - 1)])


def _checked(
    scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None
) -> tuple[Floats, NDArray[np.int64], Floats]:
    values, y = np.asarray(scores, np.float64), np.asarray(labels, np.int64)
    w = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    if not np.isfinite(values).all():
        raise DetectorError(
            "calibration met a score that is not finite: the detector is broken, train it again"
        )
    if set(np.unique(y)) != {0, 1}:
        raise DetectorError("calibration needs authentic and synthetic images; the pool holds only one kind")
    return values, y, w
