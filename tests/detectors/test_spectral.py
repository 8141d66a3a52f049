"""Texture numbers: known spectra, independence of size, what up-sampling does to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from forensics.detectors.spectral import azimuthal, block_cosine, co_occurrence, features


@pytest.mark.parametrize("cycles_a_patch", [4, 12, 25])
def test_a_wave_shows_on_its_own_ring(cycles_a_patch: int) -> None:
    x = np.arange(256)
    plane = np.tile(40 * np.sin(2 * np.pi * cycles_a_patch / 64 * x), (256, 1)).astype(np.float32)
    # A ring mixes the wave with empty directions, and the window spreads it over the next ring.
    assert abs(int(azimuthal(plane).argmax()) + 1 - cycles_a_patch) <= 1


def test_white_noise_has_a_flat_spectrum_of_its_own_height() -> None:
    plane = np.random.default_rng(0).normal(0, 8, (512, 512)).astype(np.float32)
    rings = azimuthal(plane)
    window = np.hanning(66)[1:-1]
    # E ln|X|² of a complex Gaussian is ln(mean power) minus Euler's constant.
    expected = np.log(64 * np.mean(np.outer(window, window) ** 2)) - np.euler_gamma
    assert rings[3:-2] == pytest.approx(np.full(27, expected), abs=0.12)


def test_a_cosine_shows_on_its_own_coefficient() -> None:
    i = np.arange(128)
    plane = np.tile(30 * np.cos(np.pi * 5 * (2 * i + 1) / 32), (128, 1)).astype(np.float32)
    assert int(block_cosine(plane).argmax()) + 1 == 5


def test_co_occurrence_is_a_distribution_and_tells_smooth_from_rough() -> None:
    rough = np.random.default_rng(0).normal(0, 20, (64, 64)).astype(np.float32)
    for plane in (rough, np.zeros((64, 64), np.float32)):
        assert (co_occurrence(plane) ** 2).sum() == pytest.approx(1, abs=1e-5)
    assert co_occurrence(np.zeros((64, 64), np.float32))[24] == 1
    assert co_occurrence(rough)[24] < 0.1


@pytest.mark.parametrize("size", [(64, 64), (65, 130), (256, 256), (320, 1280)])
def test_as_many_numbers_for_every_size(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    values = features(image)
    assert values.shape == features(np.zeros((64, 64, 3), np.uint8)).shape
    assert np.isfinite(values).all()


def test_upsampling_empties_the_high_frequencies_of_a_photograph(shared: Path) -> None:
    photograph = Image.open(shared / "data" / "faces256" / "train" / "real" / "0005.png").convert("L")
    enlarged = photograph.resize((128, 128)).resize((256, 256), Image.Resampling.BICUBIC)
    before, after = (azimuthal(np.asarray(image, np.float32)) for image in (photograph, enlarged))
    assert (before - after)[24:].mean() > 1
    assert abs((before - after)[:4].mean()) < 0.3
