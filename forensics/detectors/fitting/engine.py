"""From a pool to a detector on disk: fit its parts, calibrate them, weigh them, fix thresholds, save.

Two ways, told apart by the kinds alone. *Crossed*: kinds that are fitted in seconds are fitted once to all images,
which is what ships, and once without each fold, which gives every image a score as a new image would get it.
Calibration, bounds, weights and thresholds rest on those, so on as many images as there are. What ships has seen a
quarter more images than each of the classifiers behind these scores, so it errs on the safe side. *Held out*: networks
are trained on four fifths, and scored on the rest. What follows the scores is the same for both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import DetectorError
from forensics.core.registry import methods
from forensics.core.terminal import Progress, no_progress
from forensics.corpus.pools.pool import Pool, split_pool
from forensics.detectors.calibration import Calibration, Floats, fit_calibration, fix_thresholds
from forensics.detectors.card import DetectorCard, PoolRecord
from forensics.detectors.contract import Detector, FitOptions
from forensics.detectors.domain import Domain
from forensics.detectors.fitting.fitted_on import write_fitted_on
from forensics.detectors.kinds.ensemble import EnsembleDetector, fit_weights
from forensics.detectors.loading import detector_class
from forensics.detectors.thresholds import Thresholds
from forensics.detectors.training_views.augmentation import Augmentation
from forensics.detectors.training_views.folds import FOLDS
from forensics.detectors.training_views.views import (
    MOST_DRAWS,
    SMALLEST_PX,
    Views,
    crossed_views,
    held_out_views,
)

CALIBRATION_SHARE: Final = 0.2
ENSEMBLE_PARTS: Final = ("layers", "layers_2", "fingerprint")  # kind, then a number where a kind occurs again
TARGETS: Final = (0.03, 0.12)  # rates at which a verdict may be wrong: on authentic images, on synthetic ones
_LOWEST_QUALITY: Final = Augmentation().jpeg_quality[0]  # of the JPEG files among the views
_SEEDS_APART: Final = 1000  # between two networks of one kind


@dataclass(frozen=True)
class TrainingOptions:
    """What is asked of a training run.

    `work`: where checkpoints go. `parts`: of an ensemble. `settings`: kind → what its `fit` takes besides, by the
    names of its card's `defaults`. `jpeg_before`: the JPEG quality that the photographs had at 1024 px and the
    generated images had not; 0: none.
    """

    work: Path
    seed: int = 0
    device: str = "cpu"
    parts: tuple[str, ...] = ENSEMBLE_PARTS
    calibration_share: float = CALIBRATION_SHARE
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    jpeg_before: int = 0
    draws: int = MOST_DRAWS
    progress: Progress = no_progress

    def of_part(self, name: str, seeds_apart: int = 0) -> FitOptions:
        """What the part `name` (kind, or kind_number) is told."""
        kind, number = _kind_and_number(name)
        return FitOptions(
            seed=self.seed + seeds_apart * (number - 1),
            number=number,
            device=self.device,
            jpeg_before=self.jpeg_before,
            work=self.work / name,
            settings=self.settings.get(kind, {}),
            progress=self.progress,
        )


@dataclass(frozen=True)
class _Fitted:
    """Uncalibrated parts with the raw scores float64 [n] of all views by each, and what the card says of the images."""

    parts: list[Detector]
    raw: list[Floats]
    views: Views
    sources: NDArray[np.str_] | None  # where thresholds heed each source by itself
    card: DetectorCard
    pools: tuple[Pool, Pool]  # fitted to, and calibrated on where that is another


def train_detector(kind: str, pool: Pool, out: Path, options: TrainingOptions) -> Detector:
    """Train a detector of `kind` on `pool`, calibrate it, write it to `out`; as loaded from there.

    DetectorError where the pool cannot support it, or a setting is of no kind that is fitted.
    """
    names = options.parts if kind == EnsembleDetector.kind else (kind,)
    check_settings(names, options.settings)
    crossed = not pool.places and can_cross(names)
    if crossed:
        options = replace(options, work=options.work / "crossed")  # removed at the end
    fitted = _fit_crossed(names, pool, options) if crossed else _fit_held_out(names, pool, options)
    for part, raw in zip(fitted.parts, fitted.raw, strict=True):
        _calibrate(part, raw, fitted)
    detector = fitted.parts[0] if kind != EnsembleDetector.kind else _stacked(names, fitted)
    detector.card = fitted.card
    detector.save(out)
    write_fitted_on(out, *fitted.pools)
    if crossed:
        rmtree(options.work, ignore_errors=True)
    return detector_class(kind).load(out)


def part_names(kind: str, parts: Sequence[str] = ()) -> tuple[str, ...]:
    """What is fitted for a kind: itself, or an ensemble's parts, by default the shipped one's.

    DetectorError where the parts are those of no ensemble, occur twice, or are of no kind.
    """
    if kind != EnsembleDetector.kind:
        if parts:
            raise DetectorError(f"--parts are those of an ensemble; a {kind} detector has none")
        return (kind,)
    names = tuple(parts) or ENSEMBLE_PARTS
    if len(set(names)) < len(names) or not all(re.fullmatch(r"[a-z]+(_[1-9]\d?)?", name) for name in names):
        raise DetectorError(
            f"--parts {','.join(names)}: name each kind once, and another of it as in cnn,cnn_2"
        )
    for name in names:
        detector_class(_kind_and_number(name)[0])
    return names


def can_cross(names: Sequence[str]) -> bool:
    """Whether the parts (kind, or kind_number) are cross-fitted: one is made for it, none is a trained network."""
    kinds = [detector_class(_kind_and_number(name)[0]) for name in names]
    return any(kind.crosses_by_itself for kind in kinds) and all(kind.fits_in_seconds for kind in kinds)


def _kind_and_number(name: str) -> tuple[str, int]:
    kind, _, number = name.partition("_")
    return kind, int(number or 1)


def check_settings(names: Sequence[str], settings: Mapping[str, Mapping[str, Any]]) -> None:
    """DetectorError where one of `settings` (kind → name → value) is of no kind, or of one that is not fitted."""
    kinds = {_kind_and_number(name)[0] for name in names}
    cards = {one.name: one.card for one in methods("detector")}
    for kind, values in settings.items():
        for name in values:
            if kind not in cards or name not in cards[kind].defaults:
                raise DetectorError(f"a {kind} detector has no setting {name!r}")
            if kind not in kinds:
                raise DetectorError(
                    f"--{name.replace('_', '-')} is of a {kind} detector, and none is asked for"
                )


def _fit_crossed(names: Sequence[str], pool: Pool, options: TrainingOptions) -> _Fitted:
    parts, columns = [], []
    with options.progress("fit", len(names) + 1) as meter:
        views = crossed_views(pool, options.seed, options.jpeg_before, options.draws)
        equal = replace(pool, images=views.with_equal_history())
        meter.advance(1, "views")
        for name in names:
            kind = detector_class(_kind_and_number(name)[0])
            how = options.of_part(name)
            part, raw = kind.fit_crossed(equal, views, how.on_equal_history())
            parts.append(part)
            columns.append(raw)
            meter.advance(1, name)
    card = _card(pool, options, _record(pool), _smallest_px(pool, SMALLEST_PX))
    return _Fitted(parts, columns, views, views.sources, card, (pool, pool.take([])))


def _fit_held_out(names: Sequence[str], pool: Pool, options: TrainingOptions) -> _Fitted:
    training, held = split_pool(pool, options.calibration_share, options.seed)
    views = held_out_views(held, options.seed)
    parts, columns = [], []
    with options.progress("calibration", len(names)) as meter:
        for name in names:
            kind = detector_class(_kind_and_number(name)[0])
            part = kind.fit(training, options.of_part(name, _SEEDS_APART))
            parts.append(part)
            columns.append(part.raw_scores(views.images))
            meter.advance(1, name)
    record = PoolRecord(held.counts(), held.fingerprint(), images=len(held))
    return _Fitted(
        parts,
        columns,
        views,
        None,
        _card(training, options, record, _smallest_px(training)),
        (training, held),
    )


def _calibrate(detector: Detector, raw: Floats, fitted: _Fitted) -> None:
    """Give a detector its calibration, and thresholds from scores calibrated on other images than their own."""
    detector.calibration = _calibration(raw, fitted.views, fitted.views.paired)
    detector.limits = _limits(raw[:, None], fitted)


def _stacked(names: Sequence[str], fitted: _Fitted) -> EnsembleDetector:
    views = fitted.views
    pairs = zip(fitted.parts, fitted.raw, strict=True)
    table = np.stack([part.calibrated.uncapped(raw) for part, raw in pairs], axis=1)
    ensemble = EnsembleDetector.stacked(names, fitted.parts, _weights(table, views, views.paired))
    ensemble.calibration = _calibration(table @ ensemble.weights, views, views.paired)
    ensemble.limits = _limits(table, fitted)
    return ensemble


def _limits(table: Floats, fitted: _Fitted) -> Thresholds:
    views = fitted.views
    scores = _without_own_fold(table, views)
    return fix_thresholds(scores, views.labels, TARGETS, views.counts, views.draws, fitted.sources)


def _without_own_fold(table: Floats, views: Views) -> Floats:
    """log10 LR [n] of scores [n, k], each from weights and calibration fitted without the fold it belongs to."""
    scores = np.zeros(len(table))
    for number in range(FOLDS):
        fit, rest = views.paired & (views.fold != number), views.fold == number
        mix = _weights(table, views, fit) if table.shape[1] > 1 else np.ones(1)
        scores[rest] = _calibration(table @ mix, views, fit).uncapped(table[rest] @ mix)
    return scores


def _weights(table: Floats, views: Views, rows: NDArray[np.bool_]) -> Floats:
    return fit_weights(table[rows], views.labels[rows], views.counts[rows])


def _calibration(raw: Floats, views: Views, rows: NDArray[np.bool_]) -> Calibration:
    return fit_calibration(raw[rows], views.labels[rows], views.counts[rows], views.draws)


def _smallest_px(pool: Pool, at_most: int = 1 << 20) -> int:
    """The shorter side of the smallest image that was fitted to, before anything was cut off the bottom."""
    sides: list[int] = [min(int(x.shape[1]), round(x.shape[0] / (1 - pool.trimmed))) for x in pool.images]
    return min(at_most, *sides)


def _record(pool: Pool) -> PoolRecord:
    """Training and calibration are of the same images, crossed over folds."""
    paired = {source: n for source, n in pool.counts().items() if source not in pool.unpaired}
    return PoolRecord(paired, pool.fingerprint(), folds=FOLDS)


def _card(pool: Pool, options: TrainingOptions, calibration: PoolRecord, smallest_px: int) -> DetectorCard:
    return DetectorCard(
        training=PoolRecord(pool.counts(), pool.fingerprint(), images=len(pool)),
        calibration=calibration,
        seed=options.seed,
        synthetic_past=options.jpeg_before if calibration.folds else None,
        trimmed_off_the_bottom=pool.trimmed,
        self_made_weight=pool.self_made_weight if pool.self_made else None,
        domain=Domain(min_side_px=smallest_px, min_jpeg_quality=_LOWEST_QUALITY),
    )
