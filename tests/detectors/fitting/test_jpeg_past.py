"""The past that photographs have and generated images are given: nothing but what a JPEG file leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn
from sklearn.linear_model import LogisticRegression

from forensics.detectors.training_views.jpeg_history import enlarged, with_jpeg_history
from forensics.images import decode
from forensics.metrics.detection import auc


@pytest.fixture(scope="module")
def faces(shared: Path) -> dict[str, list[np.ndarray]]:
    folder = shared / "data" / "faces256" / "train"
    return {
        source: [decode(path).pixels[:243] for path in sorted((folder / source).glob("*.png"))[:n]]
        for source, n in (("real", 36), ("stylegan3", 36))
    }


@pytest.mark.parametrize("scale", [2.0, 2.5, 4.0])
def test_reducing_what_was_enlarged_gives_the_image_back(
    faces: dict[str, list[np.ndarray]], scale: float
) -> None:
    image = faces["stylegan3"][0]
    larger = enlarged(image, (round(243 * scale), round(256 * scale)))
    assert larger.shape == (round(243 * scale), round(256 * scale), 3)
    back = np.asarray(Image.fromarray(larger).resize((256, 243), Image.Resampling.BICUBIC))
    assert np.abs(back.astype(int) - image).mean() < 0.4  # a plain bicubic enlargement: above 1.5
    plain = Image.fromarray(image).resize((larger.shape[1], larger.shape[0]), Image.Resampling.BICUBIC)
    blurred = np.asarray(plain.resize((256, 243), Image.Resampling.BICUBIC))
    assert np.abs(blurred.astype(int) - image).mean() > 2 * np.abs(back.astype(int) - image).mean()


def test_a_lower_quality_leaves_more(faces: dict[str, list[np.ndarray]]) -> None:
    image = faces["real"][0]
    errors = [np.abs(with_jpeg_history(image, q).astype(int) - image).mean() for q in (95, 75, 40)]
    assert errors[0] < errors[1] < errors[2] < 8


def test_an_image_larger_than_an_original_is_compressed_as_it_is() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 1100, 3), dtype=np.uint8)
    assert with_jpeg_history(image, 75).shape == image.shape


def test_with_the_same_past_chroma_and_fine_detail_no_longer_tell_the_classes_apart(
    faces: dict[str, list[np.ndarray]],
) -> None:
    # Without it, the past separates them almost perfectly; with it, a probe that learned the past finds none.
    real, plain = (np.stack([_probe(i) for i in faces[s]]) for s in ("real", "stylegan3"))
    given = np.stack([_probe(with_jpeg_history(i, 75)) for i in faces["stylegan3"]])
    fit, rest = np.arange(36) < 24, np.arange(36) >= 24
    both = np.concatenate([real[fit], plain[fit]])
    mean, spread = both.mean(0), both.std(0) + 1e-6
    labels = np.repeat([0, 1], [24, 24])
    probe = LogisticRegression(C=0.1, max_iter=500).fit((both - mean) / spread, labels)

    def found(synthetic: np.ndarray) -> float:
        rows = (np.concatenate([real[rest], synthetic[rest]]) - mean) / spread
        return auc(probe.decision_function(rows), np.repeat([0, 1], [12, 12]))

    assert found(plain) > 0.95
    assert found(given) < 0.75


def _probe(pixels: np.ndarray) -> np.ndarray:
    """Mean log magnitude of the 8 × 8 DCT of both chroma planes."""
    planes = np.asarray(Image.fromarray(pixels).convert("YCbCr"))[:240, :, 1:].astype(np.float32)
    blocks = planes.reshape(30, 8, 32, 8, 2).transpose(4, 0, 2, 1, 3)
    return np.log(np.abs(dctn(blocks, axes=(3, 4), norm="ortho")) + 0.1).mean((1, 2)).reshape(-1)
