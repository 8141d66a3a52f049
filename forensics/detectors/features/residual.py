"""What a denoiser takes away from an image: mostly noise. The denoiser is an adaptive Wiener filter (Lee 1980)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.detectors.calibration import Floats
from forensics.detectors.features.spectral import laundered
from forensics.images.views import WORKING_PX, Pixels, working_view

BORDER_PX: Final = 3  # where the filter reaches over the border
_FILTER_PX: Final = 5
_NOISE_LEVELS: Final = 3.0  # standard deviation that the filter takes for noise
_LARGEST_LEVELS: Final = 10.0  # of a residual; an edge must not outweigh the rest
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)

Residual = NDArray[np.float32]  # [h, w]


def residual(image: Pixels) -> Residual:
    """float32 [h, w] in [-10, 10]: what the denoiser takes from the luminance of an image uint8 [H, W, 3].

    At the size its frame is compared at (longer side 256 px, from the upper left corner), after the same JPEG for all,
    without the borders.
    """
    plane = laundered(framed(image)).astype(np.float32) @ _LUMA
    noise = np.clip(plane - wiener(plane.astype(np.float64)), -_LARGEST_LEVELS, _LARGEST_LEVELS)
    inner = np.s_[BORDER_PX:-BORDER_PX]
    return np.asarray(noise[inner, inner].round(3), np.float32)  # rounding noise of flat areas is no residual


def wiener(plane: Floats) -> Floats:
    """float64 [h, w] in [0, 255] of [h, w]: what `scipy.signal.wiener` gives over 5 × 5 px with noise of 3 levels,
    sooner.
    """
    mean = _box_mean(plane)
    variance = _box_mean(plane * plane) - mean * mean
    noise = _NOISE_LEVELS**2
    denoised: Floats = mean + (plane - mean) * (
        1 - noise / np.maximum(variance, noise)
    )  # flat areas: the mean
    return denoised


def _box_mean(plane: Floats) -> Floats:
    """Over 5 × 5 px, zeros beyond the borders."""
    height, width = plane.shape
    padded = np.pad(plane, _FILTER_PX // 2)
    rows = sum((padded[k : k + height] for k in range(1, _FILTER_PX)), padded[:height])
    total: Floats = sum((rows[:, k : k + width] for k in range(1, _FILTER_PX)), rows[:, :width])
    return total / _FILTER_PX**2


def framed(image: Pixels) -> Pixels:
    """The working view uint8 [h, w, 3] in [0, 255], its longer side 256 px.

    A fingerprint is about what lies where in the frame.
    """
    from forensics.images import resize

    view = working_view(image)
    height, width = view.shape[:2]
    scale = WORKING_PX / max(height, width)
    return (
        view if scale == 1 else resize(view, (max(round(height * scale), 64), max(round(width * scale), 64)))
    )
