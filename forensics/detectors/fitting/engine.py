"""From pools to a detector on disk: split, train, calibrate, fix thresholds, save."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import DetectorError
from forensics.corpus.pools.pool import Pool, split_pool
from forensics.detectors.calibration import Calibration, fit_calibration, fix_thresholds
from forensics.detectors.contract import Detector, Floats, Pixels, detector_class
from forensics.detectors.fitting.augmentation import Augmentation
from forensics.detectors.fitting.cross_views import cross_views, with_equal_past
from forensics.detectors.fitting.crossfit import TARGETS, Crossing, can_cross, train_crossed
from forensics.detectors.fitting.draws import degraded
from forensics.detectors.fitting.fitted_on import write_fitted_on
from forensics.detectors.fitting.networks import Schedule, Trainer
from forensics.detectors.kinds.ensemble import EnsembleDetector, fit_weights
from forensics.detectors.kinds.network import NetworkDetector

CALIBRATION_SHARE: Final = 0.2
ENSEMBLE_PARTS: Final = ("layers", "layers_2", "fingerprint")  # kind, then a number where a kind occurs again
_DRAWS: Final = 4  # of each calibration image: as it is, and three times degraded
_WEIGHT_AS_IT_IS: Final = 0.5  # what the first of them counts; the rest share the other half
_FOLDS: Final = 5

SCHEDULES: Final[dict[str, Schedule]] = {
    "cnn": Schedule(epochs=16),
    "patch": Schedule(
        epochs=30, learning_rate=1e-3, crops_px=(128, 128, 112), augmentation=Augmentation(past_p=0.7)
    ),
    "npr": Schedule(epochs=50, learning_rate=1e-3, augmentation=Augmentation(jpeg_p=0.3)),
}


class Meter(Protocol):
    """Something that counts steps, such as `forensics.core.terminal.progress` yields."""

    def advance(self, n: int = 1, status: str = "") -> None:
        """Count `n` more steps."""


def _silent(title: str, total: int) -> AbstractContextManager[Meter]:
    class _Nothing:
        def advance(self, n: int = 1, status: str = "") -> None:
            pass

    return nullcontext(_Nothing())


@dataclass(frozen=True)
class Options:
    """What is asked of a training run. `work`: where checkpoints go. `epochs`: instead of the kind's own number."""

    work: Path
    seed: int = 0
    device: str = "cpu"
    epochs: float | None = None
    parts: tuple[str, ...] = ENSEMBLE_PARTS
    calibration_share: float = CALIBRATION_SHARE
    schedules: dict[str, Schedule] = field(default_factory=lambda: dict(SCHEDULES))
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)  # kind → what its `fit` takes besides
    synthetic_past: int = (
        0  # JPEG quality that the photographs had at 1024 px, and the generated images had not
    )
    progress: Callable[[str, int], AbstractContextManager[Meter]] = _silent

    def schedule(self, kind: str) -> Schedule:
        """The schedule of a network kind, with the number of epochs that was asked for."""
        own = self.schedules[kind]
        return own if self.epochs is None else replace(own, epochs=self.epochs)


@dataclass(frozen=True)
class CalibrationViews:
    """The calibration pool as it is scored: `draws` views of each image, in turn, with weights."""

    images: list[Pixels]
    labels: NDArray[np.int64]
    weights: Floats
    group: NDArray[np.int64]  # which image of the pool
    draws: int
    paired: NDArray[np.bool_]  # whether it calibrates (see `cross_views`); the thresholds heed all


def train_detector(kind: str, pool: Pool, out: Path, options: Options) -> Detector:
    """Train a detector of `kind` on `pool`, calibrate it on a share that training never sees, write it to `out`.

    Where all its parts can be, it is fitted and calibrated on all of the pool instead (see `crossfit`). Returns it as
    loaded from there. DetectorError where the pool cannot support it.
    """
    names = options.parts if kind == EnsembleDetector.kind else (kind,)
    if not pool.places and can_cross(names):
        with options.progress("fit", len(names) + 1) as meter:
            kept = options.work / "crossed"
            how = Crossing(options.seed, options.synthetic_past, options.settings, kept)
            return train_crossed(kind, names, pool, out, how, meter.advance)
    training, held = split_pool(pool, options.calibration_share, options.seed)
    views = calibration_views(held, options.seed)
    with options.progress("calibration", len(names)) as meter:
        fitted: list[Detector] = []
        for name in names:
            fitted.append(_calibrated(_fit(name, training, options), views))
            meter.advance(1, name)
    detector = fitted[0] if kind != EnsembleDetector.kind else _stacked(names, fitted, views)
    detector.card = {"data": _data_card(training, held, options), "domain": _domain(training)}
    detector.save(out)
    write_fitted_on(out, training, held)
    return detector_class(kind).load(out)


def calibration_views(pool: Pool, seed: int, draws: int = _DRAWS) -> CalibrationViews:
    """Each image as it is and `draws` − 1 times degraded, alike for both classes."""
    augmentation = Augmentation(resize_p=0.5, jpeg_p=0.7)
    images = [
        degraded(image, sha256, draw, seed + 1, augmentation)
        for image, sha256 in zip(pool.images, pool.sha256, strict=True)
        for draw in range(draws)
    ]
    share = [_WEIGHT_AS_IT_IS, *[(1 - _WEIGHT_AS_IT_IS) / max(draws - 1, 1)] * (draws - 1)]
    return CalibrationViews(
        images,
        np.repeat(pool.labels, draws),
        np.tile(np.array(share) * draws, len(pool)),
        np.repeat(np.arange(len(pool)), draws),
        draws,
        np.repeat(~np.isin(np.array(pool.sources, dtype=str), pool.unpaired), draws),
    )


def _fit(name: str, pool: Pool, options: Options) -> Detector:
    """The uncalibrated part `name` (kind, or kind_number), with its weights as they will be read from disk."""
    kind, _, number = name.partition("_")
    seed = options.seed + 1000 * (int(number or 1) - 1)
    found = detector_class(kind)
    if hasattr(found, "fit_crossed"):
        views = cross_views(pool, options.seed, options.synthetic_past)
        alone: Detector = found.fit_crossed(views, int(number or 1))[0]
        return alone
    if (fit := getattr(found, "fit", None)) is not None:
        equal = with_equal_past(pool, options.synthetic_past)
        fitted: Detector = fit(equal, seed=seed, **options.settings.get(kind, {}))
        return fitted
    if not issubclass(found, NetworkDetector):
        raise DetectorError(f"a detector of kind {kind!r} is not trained by itself")
    import torch

    torch.manual_seed(seed)
    config: dict[str, Any] = {}
    network = found.starting_network(config)
    schedule = options.schedule(kind)
    trainer = Trainer(
        network,
        found.prepare,
        pool,
        schedule,
        seed=seed,
        work=options.work / name,
        device=options.device,
    )
    with options.progress(f"train {name}", trainer.steps) as meter:
        trained = found(config, network=trainer.run(meter.advance))
    return found.from_arrays(config, trained.arrays())


def _calibrated(detector: Detector, views: CalibrationViews) -> Detector:
    """Give a detector its calibration, and thresholds from scores calibrated on other images than their own."""
    raw = detector.raw_scores(views.images)
    detector.calibration = _calibration(raw, views, views.paired)
    crossed = _crossed(raw[:, None], views)
    detector.limits = fix_thresholds(crossed, views.labels, TARGETS, views.weights, views.draws)
    return detector


def _stacked(names: tuple[str, ...], parts: list[Detector], views: CalibrationViews) -> EnsembleDetector:
    ensemble = EnsembleDetector({"parts": list(names), "weights": [1.0] * len(parts)}, parts=parts)
    table = ensemble.part_scores(views.images)
    own = views.paired
    weights = fit_weights(table[own], views.labels[own], views.weights[own])
    ensemble.config["weights"] = [round(float(weight), 6) for weight in weights]
    raw = table @ np.array(ensemble.config["weights"])
    ensemble.calibration = _calibration(raw, views, own)
    crossed = _crossed(table, views)
    ensemble.limits = fix_thresholds(crossed, views.labels, TARGETS, views.weights, views.draws)
    return ensemble


def _crossed(table: Floats, views: CalibrationViews) -> Floats:
    """log10 LR [n] of scores [n, k], each from weights and calibration fitted without the image it belongs to."""
    scores = np.zeros(len(table))
    fold = _folds(views)
    for number in range(_FOLDS):
        fit, rest = views.paired & (fold != number), fold == number
        y, w = views.labels[fit], views.weights[fit]
        mix = fit_weights(table[fit], y, w) if table.shape[1] > 1 else np.ones(1)
        scores[rest] = _calibration(table @ mix, views, fit).uncapped(table[rest] @ mix)
    return scores


def _calibration(raw: Floats, views: CalibrationViews, rows: NDArray[np.bool_]) -> Calibration:
    return fit_calibration(raw[rows], views.labels[rows], views.weights[rows], views.draws)


def _folds(views: CalibrationViews) -> NDArray[np.int64]:
    """A fold [n] for each view, by image, each fold with its share of both classes."""
    fold = np.zeros(len(views.labels), np.int64)
    for label in (0, 1):
        rows = views.labels == label
        fold[rows] = np.unique(views.group[rows], return_inverse=True)[1] % _FOLDS
    return fold


def _domain(training: Pool) -> dict[str, Any]:
    """What the training images cover: an image outside it gets no verdict (see `forensics.detectors.finding`)."""
    smallest = min(
        min(image.shape[1], round(image.shape[0] / (1 - training.trimmed))) for image in training.images
    )
    return {"min_side_px": smallest, "min_jpeg_quality": Augmentation().jpeg_quality[0]}


def _data_card(training: Pool, held: Pool, options: Options) -> dict[str, Any]:
    return {
        "training": {"images": len(training), "sources": training.counts(), "sha256": training.fingerprint()},
        "calibration": {"images": len(held), "sources": held.counts(), "sha256": held.fingerprint()},
        "seed": options.seed,
        "trimmed_off_the_bottom": training.trimmed,
        **({"self_made_weight": training.self_made_weight} if training.self_made else {}),
    }
