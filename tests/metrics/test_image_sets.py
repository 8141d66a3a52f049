"""KID, precision and recall: their formulas, their direction, and what the extractor makes of real faces."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from forensics.corpus.photographs.data import TrainingImages
from forensics.corpus.photographs.loading import load_images
from forensics.metrics import fid as room
from forensics.metrics.features import FeatureExtractor
from forensics.metrics.fid import inception_fid
from forensics.metrics.kid import kid
from forensics.metrics.precision_recall import precision_recall


def test_kid_is_the_unbiased_estimate() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 5)), rng.normal(0.5, size=(6, 5))

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 5 + 1) ** 3)

    within = sum(k(a[i], a[j]) for a in (x, y) for i in range(6) for j in range(6) if i != j) / 30
    across = sum(k(a, b) for a in x for b in y) / 36
    found, deviation = kid(x, y, subset=6)
    assert found == pytest.approx(within - 2 * across)
    assert deviation == pytest.approx(0, abs=1e-12)


def test_kid_of_one_distribution_lies_about_zero_and_grows_with_the_distance() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 16))
    same = [kid(x, rng.normal(size=(400, 16)), seed=s)[0] for s in range(4)]
    near, far = kid(x, rng.normal(0.2, size=(400, 16)))[0], kid(x, rng.normal(0.6, size=(400, 16)))[0]
    assert max(map(abs, same)) < near < far


def test_precision_and_recall_are_not_swapped() -> None:
    """A generator that makes one kind of good image only: precise, of little recall."""
    rng = np.random.default_rng(2)
    real = np.concatenate([rng.normal(m, 0.3, size=(100, 4)) for m in (0, 5)])
    collapsed = rng.normal(0, 0.3, size=(200, 4))
    precision, recall = precision_recall(real, collapsed)
    assert precision > 0.9
    assert recall < 0.6
    assert precision_recall(real, real) == (1.0, 1.0)
    scattered = rng.uniform(-30, 30, size=(200, 4))
    assert precision_recall(real, scattered)[0] < 0.1


def test_faces_are_nearer_to_faces_than_to_damaged_faces(shared: Path) -> None:
    files = sorted((shared / "data" / "wild128").glob("*.jpg"))[:32]
    pixels = load_images(files, 64).pixels
    extract = FeatureExtractor(torch.device("cpu"))
    one, other, upside_down = extract(pixels[:16]), extract(pixels[16:]), extract(pixels[16:, ::-1])
    assert one.shape == (16, 1280)
    assert kid(one, other)[0] < kid(one, upside_down)[0]
    np.testing.assert_allclose(extract(pixels[:3]), one[:3], rtol=1e-3, atol=1e-3)  # whatever the batch


def test_fid_only_where_its_weights_are(
    images: TrainingImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch-fidelity is asked with fake and real in their places, its weights named so that it downloads nothing."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(room, "find_spec", lambda _name: None)
    assert inception_fid(images.pixels, images.pixels, torch.device("cpu")) is None
    monkeypatch.setattr(room, "find_spec", lambda _name: object())
    assert inception_fid(images.pixels, images.pixels, torch.device("cpu")) is None
    weights = tmp_path / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    weights.parent.mkdir()
    weights.write_bytes(b"")
    asked: dict[str, Any] = {}

    def calculate_metrics(**arguments: Any) -> dict[str, float]:
        asked.update(arguments)
        return {"frechet_inception_distance": 12.5}

    module = ModuleType("torch_fidelity")
    module.calculate_metrics = calculate_metrics  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", module)
    fakes = 255 - images.pixels
    assert inception_fid(images.pixels, fakes, torch.device("cpu")) == 12.5
    assert asked["feature_extractor_weights_path"] == str(weights)
    assert np.array_equal(asked["input1"][3].numpy(), fakes[3].transpose(2, 0, 1))
    assert len(asked["input2"]) == len(images)
