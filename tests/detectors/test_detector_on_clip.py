"""The shipped detector on CLIP's tower: what it tells, and the traps of its training images that it must not read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from forensics.benchmarks.perturbations.named import parse, perturb
from forensics.detectors.kinds.clip import ClipDetector
from forensics.detectors.loading import default_folder, load_detector
from forensics.images import decode
from forensics.images.views import Pixels
from forensics.metrics.detection import auc

Faces = dict[str, list[Pixels]]
N = 8


@pytest.fixture
def detector(networks: Callable[[str], Path]) -> ClipDetector:
    networks("clip-vit-b16")
    found = load_detector()
    assert isinstance(found, ClipDetector)
    return found


@pytest.fixture(scope="module")
def faces(shared: Path) -> Faces:
    folder = shared / "data" / "faces256" / "val"
    return {
        source: [decode(path).pixels for path in sorted((folder / source).glob("*.png"))[:N]]
        for source in ("real", "stylegan2", "stylegan3")
    }


def _spread(detector: ClipDetector, faces: Faces) -> float:
    scores = {source: float(np.median(detector.raw_scores(images))) for source, images in faces.items()}
    return scores["stylegan2"] - scores["real"]


def test_it_tells_generated_faces_from_photographs(detector: ClipDetector, faces: Faces) -> None:
    photographs = detector.score(faces["real"])
    for source in ("stylegan2", "stylegan3"):
        scores = np.concatenate([photographs, detector.score(faces[source])])
        assert auc(scores, np.repeat([0, 1], N)) > 0.85


@pytest.mark.parametrize(("source", "share"), [("real", 0.15), ("stylegan2", 0.35)])
def test_a_jpeg_history_is_no_evidence(
    detector: ClipDetector, faces: Faces, source: str, share: float
) -> None:
    # It leaves photographs where they are; generated faces lose about a quarter of what speaks against them.
    (history,) = parse("history75")
    before = faces[source]
    after = [perturb(image, history, seed=0, sha256=f"{i:064x}")[0] for i, image in enumerate(before)]
    moved = float(np.median(detector.raw_scores(after) - detector.raw_scores(before)))
    assert abs(moved) < share * _spread(detector, faces)


def test_a_caption_is_not_even_seen(detector: ClipDetector, faces: Faces) -> None:
    captioned = faces["real"][0].copy()
    captioned[-12:, -64:] = faces["stylegan2"][0][-12:, -64:]
    assert np.array_equal(detector.score([captioned]), detector.score(faces["real"][:1]))


def test_a_smaller_copy_is_no_evidence(detector: ClipDetector, faces: Faces) -> None:
    from PIL import Image

    smaller = [
        np.asarray(Image.fromarray(image).resize((160, 160), Image.Resampling.BICUBIC))
        for image in faces["real"]
    ]
    assert np.median(detector.score(smaller)) < detector.thresholds.synthetic_at


def test_it_is_small_described_and_without_pickles(detector: ClipDetector) -> None:
    files = [path for path in default_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1 << 20
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".md", ".csv"}
    card = " ".join((default_folder() / "MODEL_CARD.md").read_text(encoding="utf-8").split())
    for word in ("research", "faces256", "families", "train-detector", "log10 LR", detector.id):
        assert word in card
