"""Detectors fitted and calibrated on all of a pool: every score that calibrates is of a classifier that never saw it.

Kinds that are fitted in seconds (`fit_crossed`) are fitted once to all images, which is what ships, and once without
each fold, which gives every image a score as a new image would get it. Calibration, bounds, weights of the parts and
thresholds rest on those, so on as many images as there are, and not on a share that training must do without. What
ships has seen a quarter more images than each of the classifiers behind these scores, so it errs on the safe side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forensics.corpus.pools.pool import Pool
from forensics.detectors.calibration import Calibration, fit_calibration, fix_thresholds
from forensics.detectors.contract import Detector, Floats, Thresholds, detector_class
from forensics.detectors.fitting.cross_views import FOLDS, SMALLEST_PX, CrossViews, cross_views
from forensics.detectors.fitting.fitted_on import write_fitted_on
from forensics.detectors.kinds.ensemble import EnsembleDetector, fit_weights

TARGETS: Final = (0.05, 0.12)  # rates at which a verdict may be wrong: on authentic images, on synthetic ones
_LOWEST_QUALITY: Final = 50  # of the JPEG files among the views


@dataclass(frozen=True)
class Crossing:
    """How to fit. `synthetic_past`: see `cross_views`; `settings`: kind → what its `fit` takes besides."""

    seed: int = 0
    synthetic_past: int = 0
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    work: Path | None = None  # where a part may keep what takes long; removed once the detector is written


def can_cross(names: Sequence[str]) -> bool:
    """Whether the parts (kind, or kind_number) are fitted this way: one is made for it, none is a trained network."""
    kinds = [detector_class(name.partition("_")[0]) for name in names]
    return any(hasattr(kind, "fit_crossed") for kind in kinds) and all(
        hasattr(kind, "fit_crossed") or hasattr(kind, "fit") for kind in kinds
    )


def train_crossed(
    kind: str,
    names: Sequence[str],
    pool: Pool,
    out: Path,
    how: Crossing,
    advance: Callable[[int, str], None] = lambda n, status: None,
) -> Detector:
    """Fit and calibrate a detector of `kind` on `pool`, write it to `out`, and return it as loaded from there."""
    views = cross_views(pool, how.seed, how.synthetic_past)
    advance(1, "views")
    parts, columns = [], []
    for name in names:
        part, raw = fit_part(name, pool, views, how)
        _calibrate(part, raw, views)
        parts.append(part)
        columns.append(part._calibrated().uncapped(raw))
        advance(1, name)
    detector = parts[0]
    if kind == EnsembleDetector.kind:
        detector = _stacked(names, parts, np.stack(columns, axis=1), views)
    detector.card = {"data": data_card(pool, how.seed, how.synthetic_past), "domain": domain(pool)}
    detector.save(out)
    write_fitted_on(out, pool, pool.take([]))
    if how.work is not None:
        rmtree(how.work, ignore_errors=True)
    return detector_class(kind).load(out)


def fit_part(name: str, pool: Pool, views: CrossViews, how: Crossing) -> tuple[Detector, Floats]:
    """The part fitted to all images, and the raw score of every view [n] by one fitted without its fold.

    A kind that fits to a pool is given the images with the photographs' past (see `cross_views`).
    """
    own, _, number = name.partition("_")
    found: Any = detector_class(own)
    if hasattr(found, "fit_crossed"):
        fitted: tuple[Detector, Floats] = found.fit_crossed(views, int(number or 1), how.work)
        return fitted
    equal = replace(pool, images=tuple(views.images[1 :: views.draws]))
    fold = views.fold[:: views.draws]
    settings = how.settings.get(own, {})
    crossed = np.zeros(len(views.images))
    for k in range(FOLDS):
        without: Detector = found.fit(equal.take(np.flatnonzero(fold != k)), seed=how.seed, **settings)
        rest = np.flatnonzero(views.fold == k)
        crossed[rest] = without.raw_scores([views.images[i] for i in rest])
    return found.fit(equal, seed=how.seed, **settings), crossed


def _calibrate(detector: Detector, raw: Floats, views: CrossViews) -> None:
    detector.calibration = _calibration(raw, views, views.paired)
    detector.limits = _limits(_without_own_fold(raw[:, None], views), views)


def _stacked(
    names: Sequence[str], parts: list[Detector], table: Floats, views: CrossViews
) -> EnsembleDetector:
    weights = [round(float(w), 6) for w in _weights(table, views, views.paired)]
    ensemble = EnsembleDetector({"parts": list(names), "weights": weights}, parts=parts)
    ensemble.calibration = _calibration(table @ np.array(weights), views, views.paired)
    ensemble.limits = _limits(_without_own_fold(table, views), views)
    return ensemble


def _without_own_fold(table: Floats, views: CrossViews) -> Floats:
    """log10 LR [n] of scores [n, k], each from weights and calibration fitted without the fold it belongs to."""
    scores = np.zeros(len(table))
    for number in range(FOLDS):
        fit, rest = views.paired & (views.fold != number), views.fold == number
        mix = _weights(table, views, fit) if table.shape[1] > 1 else np.ones(1)
        scores[rest] = _calibration(table @ mix, views, fit).uncapped(table[rest] @ mix)
    return scores


def _weights(table: Floats, views: CrossViews, rows: NDArray[np.bool_]) -> Floats:
    return fit_weights(table[rows], views.labels[rows], views.counts[rows])


def _calibration(raw: Floats, views: CrossViews, rows: NDArray[np.bool_]) -> Calibration:
    return fit_calibration(raw[rows], views.labels[rows], views.counts[rows], views.draws)


def _limits(scores: Floats, views: CrossViews) -> Thresholds:
    return fix_thresholds(scores, views.labels, TARGETS, views.counts, views.draws, views.sources)


def domain(pool: Pool) -> dict[str, Any]:
    """What the views cover: an image outside it gets no verdict (see `forensics.detectors.finding`)."""
    smallest = min(min(i.shape[1], round(i.shape[0] / (1 - pool.trimmed))) for i in pool.images)
    return {"min_side_px": min(smallest, SMALLEST_PX), "min_jpeg_quality": _LOWEST_QUALITY}


def data_card(pool: Pool, seed: int, synthetic_past: int) -> dict[str, Any]:
    """Which images; training and calibration are of the same, crossed over folds."""
    counts, fingerprint = pool.counts(), pool.fingerprint()
    paired = {source: n for source, n in counts.items() if source not in pool.unpaired}
    return {
        "training": {"images": len(pool), "sources": counts, "sha256": fingerprint},
        "calibration": {"folds": FOLDS, "sources": paired, "sha256": fingerprint},
        "seed": seed,
        "synthetic_past": synthetic_past,
        "trimmed_off_the_bottom": pool.trimmed,
        **({"self_made_weight": pool.self_made_weight} if pool.self_made else {}),
    }
