"""The detector that ships: loads fast and whole, tells faces apart, and is blind to what does not count."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from forensics.benchmarks.perturbations.named import parse, perturb
from forensics.detectors.kinds.ensemble import EnsembleDetector
from forensics.detectors.loading import default_folder, load_detector
from forensics.images import decode
from forensics.metrics.detection import auc

LARGEST_BYTES = 22 << 20


@pytest.fixture(scope="module")
def detector() -> EnsembleDetector:
    found = load_detector("without-clip")
    assert isinstance(found, EnsembleDetector)
    return found


@pytest.fixture(scope="module")
def faces(shared: Path) -> dict[str, list[np.ndarray]]:
    folder = shared / "data" / "faces256" / "val"
    return {
        source: [decode(path).pixels for path in sorted((folder / source).glob("*.png"))[:n]]
        for source, n in (("real", 16), ("stylegan2", 12), ("stylegan3", 12))
    }


def test_it_is_small_described_and_without_pickles(detector: EnsembleDetector) -> None:
    files = [path for path in default_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < LARGEST_BYTES
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".md", ".csv"}
    card = " ".join((default_folder() / "MODEL_CARD.md").read_text(encoding="utf-8").split())
    for word in ("research", "faces256", "train-detector", "log10 LR", detector.id):
        assert word in card
    assert detector.domain.min_side_px >= 64
    assert detector.limits is not None
    assert detector.limits.authentic_at < 0 < detector.limits.synthetic_at


def test_it_tells_generated_faces_from_photographs(
    detector: EnsembleDetector, faces: dict[str, list[np.ndarray]]
) -> None:
    scores = {source: detector.score(images) for source, images in faces.items()}
    assert detector.calibration is not None
    for source, least in (("stylegan2", 0.9), ("stylegan3", 0.75)):
        both = np.concatenate([scores["real"], scores[source]])
        assert auc(both, np.repeat([0, 1], [len(scores["real"]), len(scores[source])])) > least
    for values in scores.values():
        assert values.min() >= detector.calibration.lowest
        assert values.max() <= detector.calibration.highest


@pytest.mark.parametrize("source", ["real", "stylegan2", "stylegan3"])
def test_a_jpeg_past_at_a_larger_size_is_no_evidence(
    detector: EnsembleDetector, faces: dict[str, list[np.ndarray]], source: str
) -> None:
    # The photographs of the training set were JPEG files at 1024 px, the generated images were not: a detector that
    # reads this tells them apart perfectly on lossless copies and knows nothing.
    before = detector.raw_scores(faces[source])
    (history,) = parse("history75")
    past = [perturb(image, history, seed=0, sha256=f"{i:064x}")[0] for i, image in enumerate(faces[source])]
    after = detector.raw_scores(past)
    everything = detector.raw_scores(faces["real"] + faces["stylegan2"])
    spread = np.percentile(everything, 90) - np.percentile(everything, 10)
    assert abs(np.median(after - before)) < 0.15 * spread


def test_the_caption_of_a_source_is_no_evidence(
    detector: EnsembleDetector, faces: dict[str, list[np.ndarray]]
) -> None:
    # Every StyleGAN2 image of the training set says so in its lower right corner: written on photographs, those lines
    # may not make them synthetic, and without them generated faces stay what they are.
    captioned = []
    for photograph, generated in zip(faces["real"], faces["stylegan2"], strict=False):
        copy = photograph.copy()
        copy[-12:, -64:] = generated[-12:, -64:]
        captioned.append(copy)
    plain = detector.raw_scores(faces["real"][: len(captioned)])
    synthetic = detector.raw_scores(faces["stylegan2"])
    distance = float(np.median(synthetic) - np.median(plain))
    assert np.median(detector.raw_scores(captioned) - plain) < 0.15 * distance
    cut = [image[:-13] for image in faces["stylegan2"]]
    assert np.median(synthetic - detector.raw_scores(cut)) < 0.15 * distance


def test_a_plain_photograph_is_not_called_synthetic(detector: EnsembleDetector) -> None:
    from skimage.data import astronaut

    assert detector.verdict(float(detector.score([astronaut()[20:220, 130:330]])[0])) != "synthetic"


def test_map_has_the_score_as_its_mean(
    detector: EnsembleDetector, faces: dict[str, list[np.ndarray]]
) -> None:
    assert detector.calibration is not None
    for image in (faces["stylegan2"][0], faces["real"][0]):
        found = detector.evidence_map(image)
        assert found is not None
        expected = detector.calibration.uncapped(detector.raw_scores([image]))[0]
        assert float(found.mean()) == pytest.approx(expected, abs=1e-3)


def test_evidence_names_the_command_that_made_it(detector: EnsembleDetector) -> None:
    evidence = json.loads((default_folder() / "evidence.json").read_text(encoding="utf-8"))
    assert evidence["command"][:2] == ["forensics", "train-detector"]
    assert evidence["seeds"] == {"seed": detector.card.seed}
