"""Training views: right size, repeatable, blind to the class, and every step does what its name says."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from forensics.detectors.training_views.augmentation import Augmentation, degraded

OFF = replace(Augmentation(), **{f.name: 0.0 for f in fields(Augmentation) if f.name.endswith("_p")})


@pytest.fixture(scope="module")
def photograph(shared: Path) -> np.ndarray:
    path = shared / "data" / "faces256" / "train" / "real" / "0003.png"
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.parametrize("crop_px", [96, 128, 224, 256])
def test_views_have_the_size_of_the_crop(photograph: np.ndarray, crop_px: int) -> None:
    always = replace(Augmentation(), resize_p=1.0, jpeg_p=1.0, blur_p=1.0, tone_p=1.0, grain_p=1.0)
    rng = np.random.default_rng(0)
    for _ in range(12):
        view = always.view(photograph, rng, crop_px, shrink_p=0.5)
        assert view.shape == (crop_px, crop_px, 3)
        assert view.dtype == np.uint8


def test_same_seed_same_view_other_seed_other_view(photograph: np.ndarray) -> None:
    views = [Augmentation().view(photograph, np.random.default_rng(seed), 128) for seed in (1, 1, 2)]
    assert np.array_equal(views[0], views[1])
    assert not np.array_equal(views[0], views[2])


def test_nothing_drawn_nothing_changed(photograph: np.ndarray) -> None:
    assert np.array_equal(OFF.degrade(photograph, np.random.default_rng(0), 64), photograph)


def _difference(photograph: np.ndarray, **options: object) -> float:
    after = replace(OFF, **options).degrade(photograph, np.random.default_rng(4), 64)
    assert after.shape == photograph.shape
    return float(np.abs(after.astype(int) - photograph.astype(int)).mean())


def test_each_step_works_and_grows_with_its_strength(photograph: np.ndarray) -> None:
    for weak, strong in (
        ({"jpeg_p": 1.0, "jpeg_quality": (95, 95)}, {"jpeg_p": 1.0, "jpeg_quality": (40, 40)}),
        ({"blur_p": 1.0, "blur_sigma_px": (0.4, 0.4)}, {"blur_p": 1.0, "blur_sigma_px": (2.0, 2.0)}),
        ({"grain_p": 1.0, "grain_levels": 2.0}, {"grain_p": 1.0, "grain_levels": 12.0}),
        ({"tone_p": 1.0, "tone_range": 0.05}, {"tone_p": 1.0, "tone_range": 0.3}),
        (
            {"resize_p": 1.0, "resize_back_p": 1.0, "resize_scale": (0.9, 0.9)},
            {"resize_p": 1.0, "resize_back_p": 1.0, "resize_scale": (0.4, 0.4)},
        ),
    ):
        assert 0 < _difference(photograph, **weak) < _difference(photograph, **strong)


def test_a_degraded_copy_depends_on_image_draw_and_seed_alone(photograph: np.ndarray) -> None:
    augmentation = replace(Augmentation(), jpeg_p=1.0)
    assert degraded(photograph, "ab", 0, 1, augmentation) is photograph
    first = degraded(photograph, "ab", 1, 1, augmentation)
    assert np.array_equal(first, degraded(photograph, "ab", 1, 1, augmentation))
    for sha256, draw, seed in (("cd", 1, 1), ("ab", 2, 1), ("ab", 1, 2)):
        assert not np.array_equal(first, degraded(photograph, sha256, draw, seed, augmentation))
