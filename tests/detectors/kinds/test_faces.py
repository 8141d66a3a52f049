"""Faces as evidence: who is shown and how, with any embedding size; no face says nothing; another pack is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from forensics.core.errors import DetectorError, FacePackError
from forensics.corpus.pools.pool import Pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.calibration import Calibration
from forensics.detectors.contract import FitOptions
from forensics.detectors.description import DESCRIPTION, WEIGHTS
from forensics.detectors.features.face_signs import SIGNS, Gaussians, measured
from forensics.detectors.fitting.engine import TrainingOptions, train_detector
from forensics.detectors.kinds.ensemble import EnsembleDetector
from forensics.detectors.kinds.faces import FaceSignsDetector
from forensics.detectors.loading import load_detector
from forensics.faces.analyser import Face, FaceAnalyser, load_faces
from forensics.metrics.detection import auc


@pytest.fixture(scope="module")
def root(shared: Path) -> Path:
    return shared / "data" / "insightface"


@pytest.fixture(scope="module")
def faces(shared: Path) -> Pool:
    return read_pool([shared / "data" / "faces256" / "val"], trim_bottom=0.05)


@pytest.fixture(scope="module")
def trained(faces: Pool, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a detector trained on 60 images."""
    folder = tmp_path_factory.mktemp("faces")
    settings = {"faces": {"pack": "scrfd_mbf", "pack_root": root, "draws": 1}}
    pool = faces.take([*range(30), *range(100, 115), *range(125, 140)])
    train_detector("faces", pool, folder, TrainingOptions(folder / "work", settings=settings))
    return folder


@pytest.fixture
def detector(trained: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> FaceSignsDetector:
    monkeypatch.setenv("FORENSICS_FACE_ROOT", str(root))
    found = load_detector(trained)
    assert isinstance(found, FaceSignsDetector)
    found.calibration = Calibration(
        0.4, 0.05, -2.0, 2.0
    )  # the bounds that 12 images support would hide the scores
    return found


def test_it_tells_new_faces_apart_and_scores_each_by_itself(detector: FaceSignsDetector, faces: Pool) -> None:
    new = faces.take([*range(60, 72), *range(117, 125), *range(150, 154)])
    scores = detector.score(new.images)
    assert auc(scores, new.labels) > 0.7
    assert detector.score(new.images[:2][::-1])[::-1] == pytest.approx(scores[:2])
    assert detector.evidence_map(new.images[0]) is None


def test_an_image_without_a_face_says_nothing_and_is_not_dropped(
    detector: FaceSignsDetector, faces: Pool
) -> None:
    from skimage.data import brick

    wall = np.repeat(brick()[:256, :256, None], 3, axis=2)
    scores = detector.score([faces.images[0], wall, faces.images[1]])
    assert scores[1] == pytest.approx(0, abs=1e-12)
    assert scores[0] != 0
    assert detector.score([wall]) == pytest.approx([0], abs=1e-12)
    assert detector.score([]).shape == (0,)


def test_the_pack_is_named_by_its_hashes_and_needed_at_scoring(
    trained: Path, root: Path, faces: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = json.loads((trained / DESCRIPTION).read_text())["config"]
    assert config["pack_sha256"] == load_faces("scrfd_mbf", root).weights_sha256()
    with pytest.raises(FacePackError, match="scrfd_mbf"):
        load_detector(trained).score(faces.images[:1])  # loading needs no pack, scoring does
    monkeypatch.setenv("FORENSICS_FACE_ROOT", str(root))
    monkeypatch.setenv("FORENSICS_FACE_PACK", "scrfd500m_mbf")
    with pytest.raises(DetectorError, match="is not the InsightFace pack 'scrfd_mbf'") as caught:
        load_detector(trained).score(faces.images[:1])
    assert "\n" not in str(caught.value)


def test_an_ensemble_hands_the_examiners_pack_on(trained: Path, root: Path, faces: Pool) -> None:
    part = load_detector(trained)
    ensemble = EnsembleDetector({"parts": ["faces"], "weights": [1.0]}, part.calibration, members=(part,))
    with pytest.raises(FacePackError):
        ensemble.raw_scores(faces.images[:1])
    ensemble.use_faces(load_faces("scrfd_mbf", root))
    assert np.isfinite(ensemble.raw_scores(faces.images[:2])).all()


def _with_embedding(size: int) -> Face:
    landmarks = np.array([[90, 110], [165, 112], [128, 150], [98, 190], [160, 191]], np.float32)
    embedding = np.random.default_rng(size).normal(size=size).astype(np.float32)
    return Face(0.9, np.array([40, 40, 210, 230], np.float32), landmarks, embedding)


@pytest.mark.parametrize("size", [128, 512])
def test_any_size_of_embedding(size: int, detector: FaceSignsDetector, tmp_path: Path, faces: Pool) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    rows = rng.normal(size=(120, size)) * np.where(labels, 0.3, 1.0)[:, None]
    gaussians = Gaussians.fit(rows, labels)
    other = FaceSignsDetector(
        detector.config, detector.calibration, eyes=detector.eyes, embedding=gaussians, linear=detector.linear
    )
    other.save(tmp_path)
    again = load_detector(tmp_path)
    assert isinstance(again, FaceSignsDetector)

    class Analyser(FaceAnalyser):
        def __init__(self) -> None:
            self.folder = tmp_path

        def analyse(self, pixels: np.ndarray) -> list[Face]:
            return [_with_embedding(size)]

    again.analyser = Analyser()
    assert np.isfinite(again.score(faces.images[:1])).all()
    far, near = (gaussians.distances(rows[labels == label])[:, 1].mean() for label in (0, 1))
    assert far > 3 * near  # the wide cloud lies far from the narrow one


def test_the_signs_do_not_depend_on_size_or_roll_but_the_eyes_do_on_their_place() -> None:
    face = _with_embedding(8)
    usual, larger = (
        measured(face, 256),
        measured(Face(0.9, face.box, face.landmarks * 3, face.embedding), 768),
    )
    assert usual.plain == pytest.approx(larger.plain, abs=1e-5)
    assert usual.eyes == pytest.approx(larger.eyes, abs=1e-6)
    c, s = np.cos(0.2), np.sin(0.2)
    turned = (face.landmarks @ np.array([[c, s], [-s, c]], np.float32)).astype(np.float32)
    rolled = measured(Face(0.9, face.box, turned, face.embedding), 256)
    assert rolled.plain == pytest.approx(usual.plain, abs=1e-5)
    assert not np.allclose(rolled.eyes, usual.eyes, atol=0.02)
    assert usual.plain.size + 4 == len(SIGNS)


def test_too_few_faces(faces: Pool, root: Path) -> None:
    with pytest.raises(DetectorError, match="too few images with a face"):
        FaceSignsDetector.fit(
            faces.take([0, 1, 2, 100, 101, 102]),
            FitOptions(settings={"pack": "scrfd_mbf", "pack_root": root, "draws": 1}),
        )


def test_hostile_folders(detector: FaceSignsDetector, tmp_path: Path) -> None:
    detector.save(tmp_path)
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    for config in ({}, {"pack": 3, "pack_sha256": {}}, {"pack": "../../etc", "pack_sha256": {"a": "b"}}):
        (tmp_path / DESCRIPTION).write_text(json.dumps({**description, "config": config}))
        with pytest.raises(DetectorError, match="InsightFace pack"):
            load_detector(tmp_path)
    (tmp_path / DESCRIPTION).write_text(json.dumps(description))
    arrays = load_file(tmp_path / WEIGHTS)
    for key, value in (
        ("embedding_means", np.zeros((2, 9000), np.float32)),
        ("embedding_means", np.zeros(7, np.float32)),
        ("linear", np.zeros((3, 3))),
    ):
        save_file(arrays | {key: value}, tmp_path / WEIGHTS)
        with pytest.raises(DetectorError, match="misshapen"):
            load_detector(tmp_path)
