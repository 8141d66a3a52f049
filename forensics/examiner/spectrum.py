"""The log spectrum of an image beside what authentic photographs have on average.

Every image is reduced to the same 256 × 256 luminance before its spectrum is taken, so that images of any size can be
laid over the reference. The reference is the mean over authentic training photographs; it is learned from data and
shipped (`forensics/weights/spectrum`; `tools.authentic_spectrum` makes it). It illustrates: no score is made of it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from forensics.core.errors import DetectorError
from forensics.core.files import replacing, sha256_bytes, write_json
from forensics.report.images import LUMINANCE

Pixels = NDArray[np.uint8]
Array = NDArray[np.float32]

SIDE = 256
REFERENCE = Path(__file__).parents[1] / "weights" / "spectrum"
_WEIGHTS, _CARD = "authentic.safetensors", "card.json"


@dataclass(frozen=True)
class Reference:
    """Mean log spectrum of authentic photographs, in dB, zero frequency in the middle."""

    mean_db: Array  # [256, 256]
    radial_mean_db: Array  # [182], by whole radius
    radial_sd_db: Array  # [182], between photographs
    n: int


def log_spectrum(pixels: Pixels) -> Array:
    """float32 [256, 256] power in dB, finite: Hann-windowed, of the luminance of the centre square at 256 px.

    Of uint8 [H, W, 3]. 0 dB is the power of white noise of one grey level (sd). ValueError: an image without an area.
    """
    height, width = pixels.shape[:2]
    side = min(height, width)
    if side == 0:
        raise ValueError("an image without an area has no spectrum")
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(np.ascontiguousarray(pixels[top : top + side, left : left + side]))
    small = np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32)
    luminance = small @ LUMINANCE
    window = np.hanning(SIDE + 1)[:SIDE].astype(np.float32)
    taper = window[:, None] * window[None, :]
    power = np.abs(np.fft.fft2((luminance - luminance.mean()) * taper)) ** 2 / (taper**2).sum()
    return np.asarray(10 * np.log10(np.fft.fftshift(power) + 1e-4), dtype=np.float32)


@functools.cache
def _radius() -> NDArray[np.intp]:
    y, x = np.indices((SIDE, SIDE)) - SIDE // 2
    return np.rint(np.hypot(x, y)).astype(np.intp)


def frequencies() -> Array:
    """The frequency of each radial bin in cycles per pixel at 256 px, [182]; ½ is the finest row pattern."""
    return np.arange(int(_radius().max()) + 1, dtype=np.float32) / np.float32(SIDE)


def radial_mean(spectrum_db: Array) -> Array:
    """Mean over each whole radius including the corners, [182] (Durall et al. 2019 average log magnitude too)."""
    radius = _radius().ravel()
    return (np.bincount(radius, weights=spectrum_db.ravel()) / np.bincount(radius)).astype(np.float32)


def fit_reference(photographs: Iterable[Pixels]) -> Reference:
    """The reference of these authentic photographs uint8 [H, W, 3] in [0, 255]. DetectorError: none given."""
    total, radial = np.zeros((SIDE, SIDE)), []
    for pixels in photographs:
        spectrum = log_spectrum(pixels)
        total += spectrum
        radial.append(radial_mean(spectrum))
    if not radial:
        raise DetectorError("no photographs to take a mean spectrum of")
    stacked = np.stack(radial)
    mean = (total / len(radial)).astype(np.float32)
    return Reference(mean, stacked.mean(axis=0), stacked.std(axis=0), len(radial))


def save_reference(reference: Reference, folder: Path, source: str) -> None:
    """Write the reference (2-D part as float16) and its card."""
    from safetensors.numpy import save

    tensors = {
        "mean_db": reference.mean_db.astype(np.float16),
        "radial_mean_db": reference.radial_mean_db,
        "radial_sd_db": reference.radial_sd_db,
    }
    data = save(tensors, metadata={"n": str(reference.n)})
    with replacing(folder / _WEIGHTS) as temporary:
        temporary.write_bytes(data)
    card = {
        "what": "mean log power spectrum of authentic photographs, luminance, 256 px, Hann window, dB",
        "used_for": "the spectrum figure of reports; no score is computed from it",
        "n_photographs": reference.n,
        "source": source,
        "licence": "research use, as the photographs it was computed from",
        "made_by": "python -m tools.authentic_spectrum",
        "sha256": sha256_bytes(data),
    }
    write_json(folder / _CARD, card)


@functools.cache
def load_reference(folder: Path = REFERENCE) -> Reference:
    """Read a reference. DetectorError: not there, or not what its card says."""
    from safetensors.numpy import load

    try:
        data, card = (folder / _WEIGHTS).read_bytes(), json.loads((folder / _CARD).read_text("utf-8"))
    except OSError as error:
        raise DetectorError(f"{folder}: no reference spectrum there ({error.strerror})") from error
    if sha256_bytes(data) != card["sha256"]:
        raise DetectorError(f"{folder / _WEIGHTS}: not the file its card describes; install it again")
    tensors = load(data)
    radial = tensors["radial_mean_db"], tensors["radial_sd_db"]
    return Reference(tensors["mean_db"].astype(np.float32), *radial, n=card["n_photographs"])
