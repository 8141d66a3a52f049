"""Heads on CLIP's tower: one a family, together never bolder than the strongest, crossed over sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forensics.backbones import clip_statistics
from forensics.backbones.clip import WIDTH
from forensics.backbones.clip_statistics import ClipStatistics, shown
from forensics.core.errors import DetectorError, NetworkMissing
from forensics.core.files import sha256_bytes
from forensics.core.weights import network_file
from forensics.corpus.pools.pool import Pool
from forensics.detectors.contract import FitOptions
from forensics.detectors.features.families import together
from forensics.detectors.features.families_fit import source_folds
from forensics.detectors.fitting.engine import TrainingOptions, train_detector
from forensics.detectors.kinds import clip
from forensics.detectors.kinds.clip import ClipDetector
from forensics.detectors.loading import load_detector
from forensics.detectors.training_views.views import crossed_views
from forensics.images.views import Pixels

GAN, DIFFUSION = "sampled:gan", "sampled:diffusion"
BLOCKS = (11,)
D = 2 * WIDTH


class Stand:
    """Stands for the tower: mean colours and their spread, drawn apart into as many numbers."""

    device = "cpu"

    def __init__(self, path: Path | None = None, blocks: object = BLOCKS) -> None:
        self.mix = np.random.default_rng(0).normal(0, 1, (6, D)).astype(np.float32)

    def to(self, device: str) -> None:
        """Nothing moves."""

    def length(self) -> int:
        """As many as the tower."""
        return D

    def __call__(self, view: Pixels) -> np.ndarray:
        """Of a view."""
        flat = view.reshape(-1, 3).astype(np.float32) / 64
        return np.concatenate([flat.mean(0), flat.std(0)]) @ self.mix

    def local(self, view: Pixels, slopes: np.ndarray) -> np.ndarray:
        """All places alike, but one."""
        places = np.full((4, 4), float(self(view) @ slopes), np.float32)
        places[0, 0] += 1
        return places - 1 / 16


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "BLOCKS", BLOCKS)
    monkeypatch.setattr(clip, "ClipStatistics", Stand)
    monkeypatch.setattr(clip, "network_file", lambda name: Path(name))


@pytest.fixture(scope="module")
def pool() -> Pool:
    """Three sources a class: photographs are grey, one family red, the other of high contrast."""
    rng = np.random.default_rng(1)
    images, labels, sources, families = [], [], [], []
    for family, n in (("authentic", 36), (GAN, 18), (DIFFUSION, 18)):
        for i in range(n):
            level = np.array([120, 120, 120]) + rng.normal(0, 8, 3) + (30 * (family == GAN), 0, 0)
            spread = 12 + 14 * (family == DIFFUSION)
            image = level + rng.normal(0, spread, (64, 64, 3))
            images.append(np.clip(image, 0, 255).astype(np.uint8))
            labels.append(int(family != "authentic"))
            sources.append(f"{family} {i % 3}")
            families.append(family)
    hashes = tuple(sha256_bytes(f"{i}".encode()) for i in range(len(images)))
    y = np.array(labels)
    return Pool(tuple(images), y, tuple(sources), hashes, phash=hashes, families=tuple(families))


@pytest.fixture
def detector(stand: None, pool: Pool, tmp_path: Path) -> ClipDetector:
    trained = train_detector("clip", pool, tmp_path / "detector", TrainingOptions(work=tmp_path / "work"))
    assert isinstance(trained, ClipDetector)
    return trained


def test_every_family_has_a_head_with_its_own_meaning(detector: ClipDetector, pool: Pool) -> None:
    assert [head.family for head in detector.heads] == [DIFFUSION, GAN]
    scores = detector.score_families(pool.images)
    families = np.array(pool.families)
    for family in (GAN, DIFFUSION):
        own, photographs = scores[family][families == family], scores[family][families == "authentic"]
        assert np.median(own) > 0.3
        assert np.median(photographs) < -0.3
        assert np.median(own) > np.median(scores[family][(families != family) & (pool.labels == 1)])
    for head in detector.heads:
        assert 0 <= head.cllr < 1
        assert head.thresholds.authentic_at < 0 < head.thresholds.synthetic_at


def test_what_was_saved_is_loaded(detector: ClipDetector, pool: Pool, tmp_path: Path) -> None:
    again = load_detector(tmp_path / "detector")
    assert np.array_equal(again.score(pool.images[:5]), detector.score(pool.images[:5]))
    detector.save(tmp_path / "copy")
    assert load_detector(tmp_path / "copy").weights_sha256 == again.weights_sha256
    assert (tmp_path / "copy" / "weights.safetensors").stat().st_size < 1 << 20


def test_together_is_the_likelihood_ratio_of_one_of_them() -> None:
    both = together(np.array([[2.0, 0.0, -1.0], [-3.0, 0.0, -1.0]]))
    assert both == pytest.approx([2 - np.log10(2), 0.0, -1.0], abs=1e-4)
    assert np.isfinite(together(np.array([[400.0], [-400.0]]))).all()


def test_no_score_comes_from_a_head_that_saw_its_source(pool: Pool) -> None:
    views = crossed_views(pool, 0)
    every = np.ones(len(views.labels), bool)
    fold = source_folds(views, every)
    for source in set(pool.sources):
        assert len(set(fold[views.sources == source])) == 1
    for number in set(fold.tolist()):
        assert set(views.labels[fold != number]) == {0, 1}
    few = pool.take(np.flatnonzero(np.isin(pool.sources, ("authentic 0", f"{GAN} 0", f"{GAN} 1"))))
    few_views = crossed_views(few, 0)
    assert np.array_equal(source_folds(few_views, np.ones(len(few_views.labels), bool)), few_views.fold)


def test_the_map_adds_up_to_the_score(detector: ClipDetector, pool: Pool) -> None:
    image = pool.images[40]
    local = detector.evidence_map(image)
    assert local is not None
    exact = detector.calibrated.uncapped(detector.raw_scores([image]))[0]
    assert float(local.mean()) == pytest.approx(exact, abs=1e-4)
    assert local[0, 0] > local[1, 1]


def test_damaged_families_are_one_line(detector: ClipDetector) -> None:
    arrays = detector.arrays()
    for config in ({}, {"blocks": [1], "families": []}, {"blocks": list(BLOCKS), "families": [{}, {}]}):
        with pytest.raises(DetectorError):
            ClipDetector.from_arrays(config, arrays)
    with pytest.raises(DetectorError):
        ClipDetector.from_arrays(detector.config, arrays | {"mean": np.zeros(3, np.float32)})


def test_without_the_tower_the_command_that_gets_it_is_named(pool: Pool) -> None:
    with pytest.raises(NetworkMissing, match="forensics models pull clip-vit-b16"):
        ClipDetector.fit(pool, FitOptions())


def test_a_pool_without_families_is_of_one(stand: None, pool: Pool) -> None:
    rows = np.flatnonzero(np.array(pool.families) != DIFFUSION)
    plain = replace(pool.take(rows), families=())
    fitted = ClipDetector.fit(plain, FitOptions())
    assert [head.family for head in fitted.heads] == [GAN]


def test_what_is_shown_of_an_image() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, 2).repeat(256, 1)
    assert shown(ramp).shape == (240, 240, 3)
    assert shown(ramp)[-1, 0, 0] == 239  # as it is, without the lowest rows
    assert shown(ramp[:128, :128]).shape == (240, 240, 3)
    assert shown(np.zeros((320, 800, 3), np.uint8)).shape == (304, 304, 3)


def test_places_of_the_tower_add_up(networks: Callable[[str], Path]) -> None:
    networks("clip-vit-b16")
    statistics = ClipStatistics(network_file("clip-vit-b16"), BLOCKS)
    view = np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8)
    numbers = statistics(view)
    slopes = np.random.default_rng(1).normal(0, 1, len(numbers)).astype(np.float32)
    local = statistics.local(view, slopes)
    assert numbers.shape == (D,)
    assert local.shape == (15, 15)
    assert float(local.mean()) == pytest.approx(float(slopes @ numbers), rel=1e-3)
    assert clip_statistics.WIDTH == WIDTH
