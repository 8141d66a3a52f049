"""Numbers that describe the texture of an image whatever its size: windowed, patch-averaged spectra, co-occurrences.

azimuthal      mean log power over rings of equal frequency (Durall et al. 2020, arXiv 2003.01826), Hann window,
               patches of 64 px every 32 px, for Y, Cb and Cr
block cosine   mean log magnitude of every coefficient of a 16 × 16 DCT (Frank et al. 2020, arXiv 2003.08685), every
               8 px, for Y, Cb and Cr
co-occurrence  pairs of neighbouring differences, truncated at ±3 (Pevný et al. 2010's SPAM; Nataraj et al. 2019)

These three are the set `texture`. Others can be chosen instead of or beside it (`SETS`):

dct       the whole image's log DCT, pooled to 32 × 32 bands of frequency (Frank et al. 2020)
blocks    8 × 8 DCT on the JPEG grid: mean log magnitude of every coefficient, and how much it varies over the blocks
peaks     how far the spectrum stands out at cycles of N / 2^k, where up-sampling by 2 leaves its mark (Zhang et al.
          2019, arXiv 1907.06515)
pairs     co-occurrence of a residual in 64 levels, both directions (Nataraj et al. 2019, arXiv 1903.06836)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
_BANDS: Final = 32
_LEVELS: Final = 64
_AT: Final = (0, 4, 8, 16, 32)  # cycles a patch: none, N/16, N/8, N/4, N/2
# One of each mirrored pair (r, c) and (-r, -c); N/2 is its own mirror image.
_PEAKS: Final = tuple(
    (sign * r, c)
    for r in _AT
    for c in _AT
    for sign in ((1, -1) if r not in (0, 32) and c not in (0, 32) else (1,))
    if (r, c) != (0, 0)
)
_FLOOR: Final = 1e-2  # below the rounding noise of 8-bit pixels; keeps flat areas finite

# ITU-T T.871 (JPEG) RGB → Y, Cb, Cr, without the offset of 128
_YCC: Final = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)


def features(pixels: NDArray[np.uint8]) -> Floats:
    """The set `texture`: float32 [d], finite, of uint8 [h, w, 3] RGB, both sides at least 64 px; d does not depend
    on them.
    """
    return features_of(pixels, (DEFAULT_SET,))


def features_of(pixels: NDArray[np.uint8], names: Sequence[str]) -> Floats:
    """float32 [d], finite: the numbers of several sets, one behind the other, of uint8 [h, w, 3] RGB in [0, 255].

    KeyError for a set that there is not.
    """
    planes = np.moveaxis(laundered(pixels).astype(np.float32) @ _YCC.T, 2, 0)
    return np.concatenate([SETS[name](planes) for name in names]).astype(np.float32)


def _texture(planes: Floats) -> Floats:
    parts = [azimuthal(plane) for plane in planes]
    parts += [block_cosine(plane) for plane in planes]
    parts += [co_occurrence(planes[0]), co_occurrence(planes[1] + planes[2])]
    return np.concatenate(parts)


def laundered(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`pixels` uint8 [h, w, 3] in [0, 255] after one JPEG of quality 75, 4:2:0.

    Photographs have been JPEG files before, often at a larger size; generated images often have not. That history is
    plain to see in fine chroma and in flat areas: on lossless copies it separates the training images of the two
    classes perfectly, and it says nothing about who made the picture. So every image is given the same last step.
    """
    import io

    from PIL import Image

    with Image.open(io.BytesIO(encode_jpeg(pixels, _LAUNDERING_QUALITY))) as image:
        return np.asarray(image.convert("RGB"))


def azimuthal(plane: Floats) -> Floats:
    """float32 [32], finite: mean log power on rings from 1 cycle a patch to the Nyquist frequency, over patches of
    [h, w].
    """
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
    """float32 [255], finite: mean log |DCT-II| of 16 × 16 blocks of a plane [h, w], without the constant."""
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
    """float32 [49] in [0, 1]: square roots of the frequencies of neighbouring pairs of differences, both directions
    pooled.
    """
    bins = 2 * _TRUNCATE + 1
    counts = np.zeros(bins * bins)
    for image in (plane, plane.T):
        steps = np.clip(np.rint(np.diff(image, axis=1)), -_TRUNCATE, _TRUNCATE).astype(int) + _TRUNCATE
        counts += np.bincount((steps[:, :-1] * bins + steps[:, 1:]).ravel(), minlength=bins * bins)
    return np.asarray(np.sqrt(counts / counts.sum()), np.float32)


def whole_cosine(plane: Floats) -> Floats:
    """float32 [1023], finite: log |DCT-II| of the whole plane [h, w], averaged over 32 × 32 equal bands, without the
    lowest.
    """
    from scipy.fft import dctn

    logs = np.log(np.abs(dctn(plane, norm="ortho")) + np.float32(_FLOOR**0.5))
    rows, columns = (np.arange(_BANDS) * side // _BANDS for side in plane.shape)
    sums = np.add.reduceat(np.add.reduceat(logs, rows, axis=0), columns, axis=1)
    counts = np.outer(
        *(np.diff(np.append(edges, side)) for edges, side in zip((rows, columns), plane.shape, strict=True))
    )
    return np.asarray((sums / counts).ravel()[1:], np.float32)


def jpeg_blocks(plane: Floats) -> Floats:
    """float32 [126], finite: log magnitude of 63 DCT coefficients, mean and standard deviation over the 8 × 8 blocks.

    The blocks begin in the upper left corner of the plane [h, w].
    """
    from scipy.fft import dctn

    rows, columns = (side // 8 * 8 for side in plane.shape)
    blocks = plane[:rows, :columns].reshape(rows // 8, 8, columns // 8, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    logs = np.log(np.abs(dctn(blocks, axes=(1, 2), norm="ortho")) + np.float32(_FLOOR**0.5)).reshape(-1, 64)
    return np.concatenate([logs.mean(0)[1:], logs.std(0)[1:]]).astype(np.float32)


def peaks(plane: Floats) -> Floats:
    """float32 [33], finite: log power at cycles of N/2, N/4, N/8, N/16 and 0 a pixel row and column, over the median
    near.

    Of the mean spectrum of patches; the pairs that are mirror images of others are left out, and (0, 0).
    """
    from scipy.fft import fft2

    patches = _patches(plane, PATCH_PX, _PATCH_STEP_PX)
    window = np.hanning(PATCH_PX + 2)[1:-1]
    windowed = (patches - patches.mean((1, 2), keepdims=True)) * np.outer(window, window).astype(np.float32)
    power = np.log((np.abs(fft2(windowed)) ** 2).mean(0) / PATCH_PX**2 + _FLOOR)
    around = np.array([(i, j) for i in range(-4, 5) for j in range(-4, 5) if max(abs(i), abs(j)) > 2])
    heights = []
    for row, column in _PEAKS:
        near = power[(row + around[:, 0]) % PATCH_PX, (column + around[:, 1]) % PATCH_PX]
        heights.append(power[row % PATCH_PX, column % PATCH_PX] - np.median(near))
    return np.array(heights, np.float32)


def residual_pairs(plane: Floats) -> Floats:
    """float32 [4096] in [0, 1]: square roots of the frequencies of neighbouring pairs of residuals in 64 levels.

    Both directions. The residual is a pixel less the mean of its four neighbours, in steps of half a level from -16 to
    15.5.
    """
    inner = plane[1:-1, 1:-1]
    mean = (plane[:-2, 1:-1] + plane[2:, 1:-1] + plane[1:-1, :-2] + plane[1:-1, 2:]) / 4
    half = _LEVELS // 2
    levels = np.clip(np.rint((inner - mean) * 2), -half, half - 1).astype(int) + half
    counts = np.zeros(_LEVELS * _LEVELS)
    for image in (levels, levels.T):
        pairs = (image[:, :-1] * _LEVELS + image[:, 1:]).ravel()
        counts += np.bincount(pairs, minlength=_LEVELS * _LEVELS)
    return np.asarray(np.sqrt(counts / counts.sum()), np.float32)


def _of_each(number: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    return lambda planes: np.concatenate([number(plane) for plane in planes])


DEFAULT_SET: Final = "texture"
# name → numbers of the planes float32 [3, h, w] Y, Cb, Cr
SETS: Final[dict[str, Callable[[Floats], Floats]]] = {
    DEFAULT_SET: _texture,
    "dct": _of_each(whole_cosine),
    "blocks": _of_each(jpeg_blocks),
    "peaks": _of_each(peaks),
    "pairs": lambda planes: residual_pairs(planes[0]),
}


def _patches(plane: Floats, size: int, step: int) -> Floats:
    """[n, size, size] patches every `step` px."""
    return sliding_window_view(plane, (size, size))[::step, ::step].reshape(-1, size, size)
