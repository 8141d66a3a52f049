"""Fingerprints: found again in images that made none of them, attributed, and gone when the frame is turned."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from forensics.benchmarks.perturbations.named import parse, perturb
from forensics.core.errors import DetectorError
from forensics.corpus.pools.pool import Pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.calibration import Calibration
from forensics.detectors.contract import FitOptions
from forensics.detectors.description import DESCRIPTION, WEIGHTS
from forensics.detectors.features.residual import residual, wiener
from forensics.detectors.fitting.engine import TrainingOptions, train_detector
from forensics.detectors.kinds.fingerprint import UNKNOWN, FingerprintDetector, _Means, named
from forensics.detectors.loading import load_detector
from forensics.metrics.detection import auc


def _rows(pool: Pool, n: int, start: int = 0) -> list[int]:
    found: list[int] = []
    for source in sorted(set(pool.sources)):
        found += [i for i, name in enumerate(pool.sources) if name == source][start : start + n]
    return found


@pytest.fixture(scope="module")
def faces(shared: Path) -> Pool:
    # The lower 5 %, where one source writes a caption, is cut off all.
    return read_pool([shared / "data" / "faces256" / "val"], trim_bottom=0.05)


@pytest.fixture(scope="module")
def new(faces: Pool) -> Pool:
    return faces.take(_rows(faces, 8, start=17))


@pytest.fixture(scope="module")
def detector(faces: Pool) -> FingerprintDetector:
    found = FingerprintDetector.fit(faces.take(_rows(faces, 17)), FitOptions(settings={"draws": 1}))
    found.calibration = Calibration(0.4, 0.05, -2.0, 2.0)
    return found


def test_the_denoiser_is_scipys_wiener_filter(new: Pool) -> None:
    from scipy.signal import wiener as reference

    for image in new.images[:3]:
        plane = image.mean(2, dtype=np.float64)
        np.testing.assert_allclose(wiener(plane), reference(plane, (5, 5), noise=9.0), atol=1e-9)
    flat = np.full((70, 80), 17.0)
    inner = np.s_[4:-4, 4:-4]  # SciPy, too, takes what lies beyond the border for black
    np.testing.assert_allclose(wiener(flat)[inner], flat[inner], atol=1e-9)


def test_stylegan2_is_found_in_images_that_made_no_fingerprint(
    detector: FingerprintDetector, new: Pool
) -> None:
    of = np.array(new.sources)
    chosen = of != "stylegan3"
    (past,) = parse("history75")
    degraded = [perturb(p, past, seed=0, sha256=s)[0] for p, s in zip(new.images, new.sha256, strict=True)]
    for images in (list(new.images), degraded, [image[:200] for image in new.images]):
        correlation = detector.correlations(images)[:, detector.config["sources"].index("stylegan2")]
        assert auc(correlation[chosen], new.labels[chosen]) > 0.9
        assert auc(detector.raw_scores(images)[chosen], new.labels[chosen]) > 0.9


def test_attribution_names_the_generator_and_leaves_photographs_to_none(
    detector: FingerprintDetector, new: Pool
) -> None:
    found = detector.attribute(new.images)
    assert all(list(row) == sorted(row, key=lambda s: -row[s]) for row in found)
    assert all(set(row) == {"stylegan2", "stylegan3", UNKNOWN} for row in found)
    assert all(row[UNKNOWN] == -max(row["stylegan2"], row["stylegan3"]) for row in found)
    of = {source: [] for source in new.sources}
    for row, source in zip(found, new.sources, strict=True):
        of[source].append(named(row))
    assert of["stylegan2"].count("stylegan2") >= 7
    assert set(of["real"]) == {UNKNOWN}
    assert "stylegan2" not in of["stylegan3"]


def test_weak_evidence_names_nobody() -> None:
    assert named({"stylegan3": 0.4, UNKNOWN: -0.4, "stylegan2": -1.0}) == UNKNOWN
    assert named({UNKNOWN: 1.2, "stylegan3": -1.2}) == UNKNOWN
    assert named({"stylegan3": 1.0, UNKNOWN: -1.0}) == "stylegan3"


def test_a_mirrored_image_no_longer_shows_it(detector: FingerprintDetector, new: Pool) -> None:
    images = [p for p, source in zip(new.images, new.sources, strict=True) if source == "stylegan2"]
    column = detector.config["sources"].index("stylegan2")
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in images]
    upright, turned = (detector.correlations(some)[:, column].mean() for some in (images, mirrored))
    assert upright > 3 * turned


def test_an_image_is_never_compared_with_an_average_it_is_part_of(faces: Pool) -> None:
    pool = faces.take(_rows(faces, 4))
    other = tuple(np.flip(image, 1).copy() if i in (1, 9) else image for i, image in enumerate(pool.images))
    before, after = (_Means(some, ["stylegan2", "stylegan3"]) for some in (pool, replace(pool, images=other)))
    assert pool.sources[9] == "stylegan3"
    assert not np.allclose(before.prints()[1], after.prints()[1], atol=1e-4)
    both = replace(pool, images=tuple(other[i] if i == 9 else p for i, p in enumerate(pool.images)))
    alone = _Means(both, ["stylegan2", "stylegan3"])
    assert np.allclose(before.prints(without=9), alone.prints(without=9), atol=1e-6)


@pytest.mark.parametrize("cut", [np.s_[:, :], np.s_[:150, :200], np.s_[:, :97]])
def test_map_has_the_score_as_its_mean(detector: FingerprintDetector, new: Pool, cut: tuple) -> None:
    image = np.ascontiguousarray(new.images[0][cut])
    found = detector.evidence_map(image)
    assert found is not None
    assert detector.calibration is not None
    assert found.mean() == pytest.approx(
        detector.calibration.uncapped(detector.raw_scores([image]))[0], abs=1e-3
    )


def test_any_size_and_flat_images(detector: FingerprintDetector, new: Pool) -> None:
    odd = [np.full((300, 40, 3), 7, np.uint8), np.tile(new.images[0], (3, 3, 1)), new.images[1][:70, :66]]
    assert np.isfinite(detector.raw_scores(odd)).all()
    assert not residual(odd[0]).any()
    assert detector.raw_scores([]).shape == (0,)


def test_trained_twice_it_is_the_same_and_loads_as_saved(faces: Pool, tmp_path: Path) -> None:
    pool = faces.take(_rows(faces, 10))
    options = TrainingOptions(tmp_path / "work", settings={"fingerprint": {"draws": 1}})
    first, second = (train_detector("fingerprint", pool, tmp_path / name, options) for name in "ab")
    assert first.weights_sha256 == second.weights_sha256
    loaded = load_detector(tmp_path / "a")
    assert isinstance(first, FingerprintDetector)
    assert isinstance(loaded, FingerprintDetector)
    assert np.array_equal(loaded.score(faces.images[:3]), first.score(faces.images[:3]))
    assert loaded.attribute(faces.images[:2]) == first.attribute(faces.images[:2])


def test_one_image_makes_no_average(faces: Pool) -> None:
    with pytest.raises(DetectorError, match="too few images of stylegan3"):
        FingerprintDetector.fit(faces.take([0, 1, 2, 100, 101, 130]), FitOptions())


def test_hostile_folders(detector: FingerprintDetector, tmp_path: Path) -> None:
    detector.save(tmp_path)
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    for config in (
        {},
        {"sources": "stylegan2", "attribution": {}},
        {"sources": ["stylegan2"], "attribution": {}},
        {"sources": ["a"] * 10_000, "attribution": {}},
        {**detector.config, "attribution": {"stylegan2": {"slope": -1}, "stylegan3": 3}},
        {**detector.config, "sources": [["stylegan2"], {}]},
    ):
        (tmp_path / DESCRIPTION).write_text(json.dumps({**description, "config": config}))
        with pytest.raises(DetectorError) as caught:
            load_detector(tmp_path)
        assert "\n" not in str(caught.value)
    (tmp_path / DESCRIPTION).write_text(json.dumps(description))
    arrays = load_file(tmp_path / WEIGHTS)
    for key, value in (("prints", np.zeros((2, 900, 900), np.float32)), ("linear", np.zeros((1, 3)))):
        save_file(arrays | {key: value}, tmp_path / WEIGHTS)
        with pytest.raises(DetectorError, match="misshapen"):
            load_detector(tmp_path)
