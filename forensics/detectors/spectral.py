"""Numbers that describe the texture of an image whatever its size: windowed, patch-averaged spectra, co-occurrences.

azimuthal      mean log power over rings of equal frequency (Durall et al. 2020, arXiv 2003.01826), Hann window,
               patches of 64 px every 32 px, for Y, Cb and Cr
block cosine   mean log magnitude of every coefficient of a 16 × 16 DCT (Frank et al. 2020, arXiv 2003.08685), every
               8 px, for Y, Cb and Cr
co-occurrence  pairs of neighbouring differences, truncated at ±3 (Pevný et al. 2010's SPAM; Nataraj et al. 2019)
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float32]

PATCH_PX: Final = 64
_PATCH_STEP_PX: Final = 32
_BLOCK_PX: Final = 16
_BLOCK_STEP_PX: Final = 8
_RINGS: Final = 32
_TRUNCATE: Final = 3
_FLOOR: Final = 1e-2  # below the rounding noise of 8-bit pixels; keeps flat areas finite

# ITU-T T.871 (JPEG) RGB → Y, Cb, Cr, without the offset of 128
_YCC: Final = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)


def features(pixels: NDArray[np.uint8]) -> Floats:
    """float32 [d] of uint8 [h, w, 3] RGB with both sides at least 64 px; d does not depend on the size."""
    planes = np.moveaxis(pixels.astype(np.float32) @ _YCC.T, 2, 0)
    parts = [azimuthal(plane) for plane in planes]
    parts += [block_cosine(plane) for plane in planes]
    parts += [co_occurrence(planes[0]), co_occurrence(planes[1] + planes[2])]
    return np.concatenate(parts).astype(np.float32)


def azimuthal(plane: Floats) -> Floats:
    """float32 [32] mean log power on rings from 1 cycle a patch to the Nyquist frequency, averaged over patches."""
    patches = _patches(plane, PATCH_PX, _PATCH_STEP_PX)
    window = np.hanning(PATCH_PX + 2)[1:-1]
    windowed = (patches - patches.mean((1, 2), keepdims=True)) * np.outer(window, window).astype(np.float32)
    power = np.log(np.abs(np.fft.rfft2(windowed)) ** 2 / PATCH_PX**2 + _FLOOR).mean(0)
    rows, columns = np.fft.fftfreq(PATCH_PX) * PATCH_PX, np.arange(PATCH_PX // 2 + 1)
    ring = np.rint(np.hypot(rows[:, None], columns[None, :])).astype(int).ravel()
    within = (ring >= 1) & (ring <= _RINGS)
    sums = np.bincount(ring[within], power.ravel()[within], _RINGS + 1)[1:]
    return np.asarray(sums / np.bincount(ring[within], minlength=_RINGS + 1)[1:], np.float32)


def block_cosine(plane: Floats) -> Floats:
    """float32 [255] mean log |DCT-II| of 16 × 16 blocks, the constant left out, averaged over blocks."""
    from scipy.fft import dctn

    blocks = _patches(plane, _BLOCK_PX, _BLOCK_STEP_PX)
    logs = np.log(np.abs(dctn(blocks, axes=(1, 2), norm="ortho")) + np.sqrt(_FLOOR))
    return np.asarray(logs.mean(0).ravel()[1:], np.float32)


def co_occurrence(plane: Floats) -> Floats:
    """float32 [49] square roots of the frequencies of neighbouring pairs of differences, both directions pooled."""
    bins = 2 * _TRUNCATE + 1
    counts = np.zeros(bins * bins)
    for image in (plane, plane.T):
        steps = np.clip(np.rint(np.diff(image, axis=1)), -_TRUNCATE, _TRUNCATE).astype(int) + _TRUNCATE
        counts += np.bincount((steps[:, :-1] * bins + steps[:, 1:]).ravel(), minlength=bins * bins)
    return np.asarray(np.sqrt(counts / counts.sum()), np.float32)


def _patches(plane: Floats, size: int, step: int) -> Floats:
    """[n, size, size] patches every `step` px."""
    return sliding_window_view(plane, (size, size))[::step, ::step].reshape(-1, size, size)
