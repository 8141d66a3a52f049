"""Texture numbers: known spectra, independence of size, what up-sampling does to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from forensics.detectors.features.spectral import (
    SETS,
    azimuthal,
    block_cosine,
    co_occurrence,
    features,
    features_of,
    jpeg_blocks,
    peaks,
    residual_pairs,
    whole_cosine,
)


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


@pytest.mark.parametrize("name", SETS)
def test_every_set_by_itself_and_behind_another(name: str, shared: Path) -> None:
    photograph = Image.open(shared / "data" / "faces256" / "train" / "real" / "0005.png").convert("RGB")
    image = np.asarray(photograph)
    alone = features_of(image, (name,))
    assert np.array_equal(features_of(image, ("peaks", name))[99:], alone)
    assert features_of(image[:64, :97], (name,)).shape == alone.shape
    assert np.isfinite(features_of(np.zeros((64, 64, 3), np.uint8), (name,))).all()


def test_the_shipped_set_is_the_default_one() -> None:
    image = np.random.default_rng(1).integers(0, 256, (80, 90, 3), np.uint8)
    assert np.array_equal(features(image), features_of(image, ("texture",)))


@pytest.mark.parametrize("size", [(256, 256), (100, 131)])
def test_a_wave_shows_in_its_band_of_the_whole_image(size: tuple[int, int]) -> None:
    height, width = size
    frequency = round(0.7 * width)  # of width half cycles
    row = np.cos(np.pi * frequency * (2 * np.arange(width) + 1) / (2 * width))
    plane = np.tile(30 * row, (height, 1)).astype(np.float32)
    loudest = int(whole_cosine(plane).argmax()) + 1
    assert divmod(loudest, 32) == (0, frequency * 32 // width)


def test_blocks_of_eight_show_their_coefficient_and_how_much_it_varies() -> None:
    i = np.arange(64)
    plane = np.tile(30 * np.cos(np.pi * 3 * (2 * i + 1) / 16), (64, 1)).astype(np.float32)
    mean, spread = np.split(jpeg_blocks(plane), 2)
    assert int(mean.argmax()) + 1 == 3
    assert spread[2] == pytest.approx(0, abs=1e-4)
    plane[:, :32] /= 10
    assert jpeg_blocks(plane)[63 + 2] == pytest.approx(np.log(10) / 2, abs=0.05)


@pytest.mark.parametrize("period", [2, 4, 8])
def test_what_repeats_every_few_pixels_is_a_peak(period: int) -> None:
    noise = np.random.default_rng(0).normal(0, 4, (256, 256)).astype(np.float32)
    lattice = noise.copy()
    lattice[::period, ::period] += 4 * period
    assert (peaks(lattice) - peaks(noise)).max() > 2
    assert abs(peaks(noise)).max() < 1.5


def test_pairs_of_residuals_are_a_distribution_and_see_smoothing() -> None:
    noise = np.random.default_rng(0).normal(128, 6, (128, 128)).astype(np.float32)
    assert (residual_pairs(noise) ** 2).sum() == pytest.approx(1, abs=1e-4)
    flat = residual_pairs(np.full((64, 64), 9, np.float32))
    assert flat[32 * 64 + 32] == 1
    smooth = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(noise, (1, 1), (0, 1))) / 4
    assert residual_pairs(smooth)[32 * 64 + 32] > 2 * residual_pairs(noise)[32 * 64 + 32]
