"""Detector folders: what was saved is loaded, and a damaged or hostile folder is one line, never code."""

from __future__ import annotations

import ast
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from forensics.core.errors import DetectorError
from forensics.detectors import contract as base
from forensics.detectors.calibration import Calibration
from forensics.detectors.description import DESCRIPTION, WEIGHTS
from forensics.detectors.features.spectral import features
from forensics.detectors.kinds.ensemble import EnsembleDetector
from forensics.detectors.kinds.frequency import FrequencyDetector
from forensics.detectors.kinds.npr import NprDetector
from forensics.detectors.loading import load_detector
from forensics.detectors.thresholds import Thresholds

LIMITS = Thresholds(0.4, -0.3, 0.02, 0.05, 80, 40, "by hand")


def _frequency(seed: int = 0) -> FrequencyDetector:
    rng = np.random.default_rng(seed)
    n = len(features(np.zeros((64, 64, 3), np.uint8)))
    mean, weights = rng.normal(size=n).astype(np.float32), rng.normal(size=n).astype(np.float32)
    detector = FrequencyDetector({}, Calibration(0.02, 0.1, -1.5, 1.5), LIMITS)
    detector.mean, detector.scale, detector.weights = mean, np.full(n, 2, np.float32), weights
    return detector


def _npr() -> NprDetector:
    network = NprDetector.build({"width": 4}).eval()
    return NprDetector({"width": 4}, Calibration(2.0, -0.1, -1.5, 1.5), LIMITS, network=network)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    parts = [_frequency(), _npr()]
    config = {"parts": ["spectra", "residuals"], "weights": [0.7, 0.4]}
    EnsembleDetector(config, Calibration(1.0, 0.0, -2.0, 2.0), LIMITS, members=tuple(parts)).save(
        tmp_path / "detector"
    )
    return tmp_path / "detector"


@pytest.fixture
def images() -> list[np.ndarray]:
    from skimage.data import astronaut, chelsea

    return [astronaut()[:200, 150:350], chelsea()[:96, :130], astronaut()]


def test_round_trip_of_an_ensemble(folder: Path, images: list[np.ndarray]) -> None:
    first, second = load_detector(folder), load_detector(folder)
    assert isinstance(first, EnsembleDetector)
    assert first.weights_sha256 == second.weights_sha256
    assert np.array_equal(first.score(images), second.score(images))
    assert first.thresholds == LIMITS
    assert first.verdict(1.0) == "synthetic"
    assert first.verdict(-1.0) == "authentic"
    assert first.verdict(0.0) == "inconclusive"
    first.save(folder.parent / "copy")
    assert load_detector(folder.parent / "copy").weights_sha256 == second.weights_sha256


def test_ensemble_is_the_weighted_sum_of_its_parts(folder: Path, images: list[np.ndarray]) -> None:
    ensemble = load_detector(folder)
    assert isinstance(ensemble, EnsembleDetector)
    scores, parts = ensemble.score_parts(images)
    by_hand = sum(
        weight * part.calibration.uncapped(part.raw_scores(images))  # type: ignore[union-attr]
        for weight, part in zip([0.7, 0.4], ensemble.parts, strict=True)
    )
    assert scores == pytest.approx(np.clip(by_hand, -2, 2))
    assert np.array_equal(scores, ensemble.score(images))
    for part, scores_of_part in zip(ensemble.parts, parts, strict=True):
        assert scores_of_part == pytest.approx(part.score(images))
    found = ensemble.evidence_map(images[0])
    assert found is not None
    assert found.mean() == pytest.approx(by_hand[0], abs=1e-3)


def test_order_and_batch_do_not_matter(folder: Path, images: list[np.ndarray]) -> None:
    ensemble = load_detector(folder)
    together = ensemble.score(images)
    assert ensemble.score(images[::-1])[::-1] == pytest.approx(together, abs=1e-5)
    assert [ensemble.score([image])[0] for image in images] == pytest.approx(together, abs=1e-5)


def _edit(path: Path, **changes: Any) -> None:
    description = json.loads(path.read_text())
    description.update(changes)
    path.write_text(json.dumps(description))


def test_absent_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="holds no detector"):
        load_detector(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "os.system"}, "unknown kind"),
        ({"kind": 7}, "no kind"),
        ({"format_version": 99}, "format version"),
        ({"config": []}, "config: no object"),
        ({"config": {"parts": ["spectra"], "weights": [1.0, 2.0]}}, "do not fit"),
        ({"config": {"parts": ["../../etc", "residuals"], "weights": [1.0, 2.0]}}, "do not fit"),
        ({"config": {"parts": ["spectra", "residuals"], "weights": [1.0, -2.0]}}, "do not fit"),
        ({"config": {"parts": ["spectra", "absent"], "weights": [1.0, 2.0]}}, "holds no detector"),
        ({"calibration": {"slope": -1, "offset": 0, "lowest": -1, "highest": 1}}, "is damaged"),
        ({"calibration": "none"}, "is damaged"),
        ({"thresholds": {"synthetic_at": 1.0}}, "is damaged"),
        ({"thresholds": {**vars(LIMITS), "synthetic_at": -0.1}}, "is damaged"),
        ({"thresholds": {**vars(LIMITS), "authentic_at": "low"}}, "is damaged"),
        ({"thresholds": {**vars(LIMITS), "synthetic_at": True}}, "synthetic_at is no number"),
        ({"thresholds": {**vars(LIMITS), "synthetic_at": 10**400}}, "is damaged"),
        ({"thresholds": {**vars(LIMITS), "n_authentic": 0.5}}, "n_authentic is no whole number"),
        ({"thresholds": {**vars(LIMITS), "how": "x" * 5000}}, "how is no text"),
        ({"calibration": {"slope": 1, "offset": "0", "lowest": -1, "highest": 1}}, "offset is no number"),
        ({"card": 3}, "is damaged"),
        ({"card": {"domain": {"min_side_px": "8"}}}, "min_side_px is no whole number"),
        ({"card": {"domain": {"formats": "JPEG"}}}, "formats is no list"),
        ({"card": {"domain": {"needs_face": "no"}}}, "needs_face"),
        ({"card": {"data": {"training": {"sources": {"a": -1}, "sha256": ""}}}}, "a is no whole number"),
        ({"card": {"propositions": {"synthetic": 1, "authentic": "b"}}}, "synthetic is no text"),
    ],
)
def test_hostile_description(folder: Path, changes: dict[str, Any], message: str) -> None:
    _edit(folder / DESCRIPTION, **changes)
    with pytest.raises(DetectorError, match=message) as caught:
        load_detector(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"kind": "frequency"}'])
def test_description_that_is_no_description(folder: Path, content: bytes) -> None:
    (folder / DESCRIPTION).write_bytes(content)
    with pytest.raises(DetectorError, match=r"detector\.json"):
        load_detector(folder)


@pytest.mark.parametrize("part", ["spectra", "residuals"])
@pytest.mark.parametrize(
    "fault", ["missing", "surplus", "misshapen", "not finite", "truncated", "absent", "pickle"]
)
def test_hostile_weights(folder: Path, part: str, fault: str, tmp_path: Path) -> None:
    path = folder / part / WEIGHTS
    arrays = load_file(path)
    key = sorted(arrays)[0]
    if fault == "missing":
        del arrays[key]
    elif fault == "surplus":
        arrays["intruder"] = arrays[key]
    elif fault == "misshapen":
        arrays[key] = np.concatenate([arrays[key], arrays[key]])
    elif fault == "not finite":
        arrays[key] = np.full_like(arrays[key], np.nan)
    save_file(arrays, path)
    if fault == "truncated":
        path.write_bytes(path.read_bytes()[:-9])
    elif fault == "absent":
        path.unlink()
    elif fault == "pickle":
        path.write_bytes(pickle.dumps(arrays))
    expected = {"truncated": "cannot be read", "absent": "no such file", "pickle": "cannot be read"}
    with pytest.raises(DetectorError, match=expected.get(fault, fault)) as caught:
        load_detector(folder)
    assert "\n" not in str(caught.value)


def test_an_ensemble_in_an_ensemble_is_refused(folder: Path) -> None:
    inner = folder / "spectra"
    (inner / DESCRIPTION).write_text((folder / DESCRIPTION).read_text())
    with pytest.raises(DetectorError, match="cannot be part of an ensemble"):
        load_detector(folder)


def test_an_uncalibrated_detector_gives_no_number(images: list[np.ndarray]) -> None:
    detector = _npr()
    detector.calibration = detector.limits = None
    with pytest.raises(DetectorError, match="never calibrated"):
        detector.score(images)
    with pytest.raises(DetectorError, match="no thresholds"):
        detector.verdict(0.3)


def test_a_score_that_is_no_number_is_refused_by_name(images: list[np.ndarray]) -> None:
    broken = _frequency()
    broken.offset = float("nan")
    with pytest.raises(DetectorError, match="frequency-unsaved: gave a score that is no number"):
        broken.score(images)
    ensemble = EnsembleDetector(
        {"parts": ["a"], "weights": [1.0]}, Calibration(1.0, 0.0, -2.0, 2.0), LIMITS, members=(broken,)
    )
    with pytest.raises(DetectorError, match="frequency-unsaved"):
        ensemble.score_parts(images)


def test_no_detector_code_unpickles() -> None:
    sources = sorted(Path(base.__file__).parent.rglob("*.py"))
    assert len(sources) > 12
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                assert not {"pickle", "joblib", "dill", "shelve"} & set(names), path
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "torch.load",
                "np.load",
                "numpy.load",
            ):
                keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
                assert keywords.get("weights_only") == "True", path


def test_a_stray_folder_does_not_change_the_hash(folder: Path) -> None:
    before = load_detector(folder).weights_sha256
    _npr().save(folder / "stray")
    assert load_detector(folder).weights_sha256 == before
