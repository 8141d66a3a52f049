"""Numbers that describe the texture of an image whatever its size: windowed, patch-averaged spectra, co-occurrences.

azimuthal      mean log power over rings of equal frequency (Durall et al. 2020, arXiv 2003.01826), Hann window,
               patches of 64 px every 32 px, for Y, Cb and Cr
block cosine   mean log magnitude of every coefficient of a 16 × 16 DCT (Frank et al. 2020, arXiv 2003.08685), every
               8 px, for Y, Cb and Cr
co-occurrence  pairs of neighbouring differences, truncated at ±3 (Pevný et al. 2010's SPAM; Nataraj et al. 2019)
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from forensics.images import encode_jpeg

Floats = NDArray[np.float32]

PATCH_PX: Final = 64
_PATCH_STEP_PX: Final = 32
_BLOCK_PX: Final = 16
_BLOCK_STEP_PX: Final = 8
_RINGS: Final = 32
_TRUNCATE: Final = 3
_LAUNDERING_QUALITY: Final = 75
_FLOOR: Final = 1e-2  # below the rounding noise of 8-bit pixels; keeps flat areas finite

# ITU-T T.871 (JPEG) RGB → Y, Cb, Cr, without the offset of 128
_YCC: Final = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)


def features(pixels: NDArray[np.uint8]) -> Floats:
    """float32 [d] of uint8 [h, w, 3] RGB with both sides at least 64 px; d does not depend on the size."""
    planes = np.moveaxis(laundered(pixels).astype(np.float32) @ _YCC.T, 2, 0)
    parts = [azimuthal(plane) for plane in planes]
    parts += [block_cosine(plane) for plane in planes]
    parts += [co_occurrence(planes[0]), co_occurrence(planes[1] + planes[2])]
    return np.concatenate(parts).astype(np.float32)


def laundered(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`pixels` after one JPEG of quality 75, 4:2:0.

    Photographs have been JPEG files before, often at a larger size; generated images often have not. That past is
    plain to see in fine chroma and in flat areas: on lossless copies it separates the training images of the two
    classes perfectly, and it says nothing about who made the picture. So every image is given the same last step.
    """
    import io

    from PIL import Image

    with Image.open(io.BytesIO(encode_jpeg(pixels, _LAUNDERING_QUALITY))) as image:
        return np.asarray(image.convert("RGB"))


def azimuthal(plane: Floats) -> Floats:
    """float32 [32] mean log power on rings from 1 cycle a patch to the Nyquist frequency, averaged over patches."""
    from scipy.fft import rfft2

    patches = _patches(plane, PATCH_PX, _PATCH_STEP_PX)
    window = np.hanning(PATCH_PX + 2)[1:-1]
    windowed = (patches - patches.mean((1, 2), keepdims=True)) * np.outer(window, window).astype(np.float32)
    spectrum = rfft2(windowed)  # float32 in, complex64 out
    power = np.log((spectrum.real**2 + spectrum.imag**2) / PATCH_PX**2 + _FLOOR).mean(0)
    rows, columns = np.fft.fftfreq(PATCH_PX) * PATCH_PX, np.arange(PATCH_PX // 2 + 1)
    ring = np.rint(np.hypot(rows[:, None], columns[None, :])).astype(int).ravel()
    within = (ring >= 1) & (ring <= _RINGS)
    sums = np.bincount(ring[within], power.ravel()[within], _RINGS + 1)[1:]
    return np.asarray(sums / np.bincount(ring[within], minlength=_RINGS + 1)[1:], np.float32)


def block_cosine(plane: Floats) -> Floats:
    """float32 [255] mean log |DCT-II| of 16 × 16 blocks, the constant left out, averaged over blocks."""
    basis = _cosine_basis()
    blocks = _patches(plane, _BLOCK_PX, _BLOCK_STEP_PX)
    logs = np.log(np.abs(basis @ blocks @ basis.T) + np.float32(_FLOOR**0.5))
    return np.asarray(logs.mean(0).ravel()[1:], np.float32)


@cache
def _cosine_basis() -> Floats:
    """float32 [16, 16] orthonormal DCT-II."""
    from scipy.fft import dct

    return np.asarray(dct(np.eye(_BLOCK_PX), axis=0, norm="ortho"), np.float32)


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
