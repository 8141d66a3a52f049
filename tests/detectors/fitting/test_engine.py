"""From pools to a detector, end to end on real faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forensics.core.errors import DetectorError
from forensics.corpus.pools.pool import Pool, split_pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.fitting.engine import TrainingOptions, train_detector
from forensics.detectors.kinds.ensemble import EnsembleDetector, fit_weights
from forensics.detectors.loading import load_detector
from forensics.detectors.networks.schedule import Schedule
from forensics.detectors.training_views.views import held_out_views
from forensics.metrics.detection import auc

QUICK = Schedule(epochs=2, batch=8, crops_px=(96,), warmup_steps=2)


def _some(pool: Pool, n_real: int, n_fake: int) -> Pool:
    wanted = {"real": n_real, "stylegan2": n_fake, "stylegan3": n_fake}
    rows = [[i for i, s in enumerate(pool.sources) if s == source][:n] for source, n in wanted.items()]
    return pool.take(np.concatenate(rows))


@pytest.fixture(scope="module")
def faces(shared: Path) -> Pool:
    return read_pool([shared / "data" / "faces256" / "train"])


def test_frequency_detector_learns_something_that_holds_for_new_images(
    faces: Pool, shared: Path, tmp_path: Path
) -> None:
    detector = train_detector(
        "frequency", _some(faces, 60, 30), tmp_path / "out", TrainingOptions(tmp_path / "work")
    )
    new = faces.take([*range(100, 140), *range(340, 375), *range(440, 475)])
    assert not set(new.sha256) & set(_some(faces, 60, 30).sha256)
    assert auc(detector.score(new.images), new.labels) > 0.6
    assert detector.score(new.images[:3]) == pytest.approx(
        load_detector(tmp_path / "out").score(new.images[:3])
    )
    training, calibration = detector.card.training, detector.card.calibration
    assert training is not None
    assert calibration is not None
    assert (training.images, calibration.images) == (96, 24)
    assert detector.thresholds.n == 24


def test_ensemble_end_to_end_is_repeatable(faces: Pool, tmp_path: Path) -> None:
    pool = _some(faces, 16, 8)
    settings = {"npr": {"schedule": replace(QUICK, epochs=3)}}
    found = []
    for name in ("first", "second"):
        options = TrainingOptions(
            tmp_path / name / "work", seed=3, settings=settings, parts=("frequency", "npr")
        )
        found.append(train_detector("ensemble", pool, tmp_path / name / "out", options))
    first, second = found
    assert isinstance(first, EnsembleDetector)
    assert first.weights_sha256 == second.weights_sha256
    files = sorted(
        p.relative_to(tmp_path / "first" / "out") for p in (tmp_path / "first" / "out").rglob("*.*")
    )
    assert [str(file) for file in files] == [
        "detector.json",
        "fitted_on.csv",
        "frequency/detector.json",
        "frequency/weights.safetensors",
        "npr/detector.json",
        "npr/weights.safetensors",
    ]
    other = TrainingOptions(
        tmp_path / "other" / "work", seed=4, settings=settings, parts=("frequency", "npr")
    )
    assert (
        train_detector("ensemble", pool, tmp_path / "other" / "out", other).weights_sha256
        != first.weights_sha256
    )


def test_cnn_trains_from_imagenet_end_to_end(faces: Pool, tmp_path: Path) -> None:
    options = TrainingOptions(tmp_path / "work", settings={"cnn": {"schedule": QUICK, "epochs": 1.0}})
    detector = train_detector("cnn", _some(faces, 12, 6), tmp_path / "out", options)
    assert np.isfinite(detector.score(faces.images[:2])).all()
    assert detector.evidence_map(faces.images[0]) is not None


def test_a_setting_is_of_a_kind_that_is_fitted(faces: Pool, tmp_path: Path) -> None:
    for settings, message in (
        ({"frequency": {"magic": 1}}, "has no setting"),
        ({"oracle": {"draws": 1}}, "has no setting"),
        ({"cnn": {"epochs": 1.0}}, "none is asked for"),
    ):
        with pytest.raises(DetectorError, match=message):
            train_detector("frequency", faces, tmp_path / "out", TrainingOptions(tmp_path, settings=settings))


def test_calibration_sees_every_image_as_it_is_and_degraded_and_none_of_training(faces: Pool) -> None:
    training, held = split_pool(_some(faces, 20, 10), 0.25, 0)
    views = held_out_views(held, 0, draws=3)
    assert len(views.images) == 3 * len(held)
    assert all(np.array_equal(views.images[3 * i], held.images[i]) for i in range(len(held)))
    assert views.counts.reshape(-1, 3).sum(1) == pytest.approx(np.full(len(held), 3.0))
    assert views.counts[0] == pytest.approx(1.5)
    assert not set(training.sha256) & set(held.sha256)


def test_stacking_prefers_the_better_part_and_drops_one_that_misleads() -> None:
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1], 300)
    signal = labels + rng.normal(0, 0.5, 600)
    table = np.stack([signal, labels + rng.normal(0, 2, 600), -signal + rng.normal(0, 0.3, 600)], axis=1)
    weights = fit_weights(table, labels, np.ones(600))
    assert weights[0] > weights[1] > 0
    assert weights[2] == 0


def test_an_ensemble_is_not_a_part(faces: Pool, tmp_path: Path) -> None:
    options = TrainingOptions(tmp_path / "work", parts=("ensemble",))
    with pytest.raises(DetectorError, match="not trained by itself"):
        train_detector("ensemble", _some(faces, 6, 3), tmp_path / "out", options)
