"""The spectrum shown in reports: known signals at known places, and the shipped reference."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from forensics.core.errors import DetectorError
from forensics.examiner import spectrum


def test_a_wave_is_a_peak_at_its_frequency() -> None:
    x = np.arange(256)
    wave = np.rint(128 + 60 * np.cos(2 * np.pi * 64 * x / 256)).astype(np.uint8)
    image = np.broadcast_to(wave[None, :, None], (256, 256, 3))
    result = spectrum.log_spectrum(np.ascontiguousarray(image))
    assert {tuple(p) for p in np.argwhere(result > result.max() - 0.01)} == {(128, 64), (128, 192)}


def test_white_noise_of_one_grey_level_lies_at_zero_decibels() -> None:
    """Power is 1 on average; the mean of a log of exponential power lies 10 log10(e^-γ) = -2.51 dB below."""
    levels = np.random.default_rng(0).normal(128, 20, (256, 256, 1)).repeat(3, axis=2)
    result = spectrum.log_spectrum(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
    assert result.mean() == pytest.approx(20 * np.log10(20) - 2.51, abs=0.15)


def test_radial_bins() -> None:
    radii = spectrum.frequencies()
    assert radii[64] == 0.25
    flat = spectrum.radial_mean(np.full((256, 256), 7, np.float32))
    assert flat.shape == radii.shape
    assert (flat == 7).all()


def test_any_size_and_shape() -> None:
    for shape in ((1, 1), (16, 900), (700, 300)):
        assert np.isfinite(spectrum.log_spectrum(np.zeros((*shape, 3), np.uint8))).all()
    with pytest.raises(ValueError, match="area"):
        spectrum.log_spectrum(np.zeros((0, 5, 3), np.uint8))


def test_the_shipped_reference_is_what_its_photographs_give(shared: Path) -> None:
    folder = shared / "data" / "faces256" / "train" / "real"
    shipped = spectrum.load_reference()
    files = sorted(folder.glob("*.png"))
    assert shipped.n == len(files)
    again = spectrum.fit_reference(np.asarray(Image.open(f).convert("RGB")) for f in files)
    np.testing.assert_allclose(again.mean_db, shipped.mean_db, atol=0.05)
    np.testing.assert_allclose(again.radial_sd_db, shipped.radial_sd_db, atol=1e-3)


def test_unseen_photographs_lie_within_the_band(shared: Path) -> None:
    reference = spectrum.load_reference()
    away = []
    for file in sorted((shared / "data" / "faces256" / "val" / "real").glob("*.png"))[:40]:
        radial = spectrum.radial_mean(spectrum.log_spectrum(np.asarray(Image.open(file))))
        away.append(np.abs(radial - reference.radial_mean_db) / reference.radial_sd_db)
    assert (np.stack(away) < 2).mean() > 0.85


def test_an_altered_reference_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "spectrum"
    shutil.copytree(spectrum.REFERENCE, folder)
    data = bytearray((folder / "authentic.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "authentic.safetensors").write_bytes(data)
    with pytest.raises(DetectorError, match=r"authentic\.safetensors"):
        spectrum.load_reference(folder)
    with pytest.raises(DetectorError, match="nowhere"):
        spectrum.load_reference(tmp_path / "nowhere")
    with pytest.raises(DetectorError, match="no photographs"):
        spectrum.fit_reference([])
