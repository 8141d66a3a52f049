"""From pixels to bytes, and pixels to other pixels. Equal input gives equal bytes with one version of Pillow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

SUBSAMPLING = ("4:4:4", "4:2:2", "4:2:0")


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """PNG of uint8 [H, W, 3] (or grey [H, W]), without metadata."""
    return _saved(pixels, "PNG", compress_level=6)


def encode_jpeg(pixels: NDArray[np.uint8], quality: int, subsampling: str = "4:2:0") -> bytes:
    """Baseline JPEG of uint8 [H, W, 3] (or grey [H, W]), libjpeg's tables for `quality` 1 to 100, no metadata."""
    if not 1 <= quality <= 100:
        raise ValueError(f"JPEG quality {quality} is not 1 to 100")
    if subsampling not in SUBSAMPLING:
        raise ValueError(f"JPEG subsampling {subsampling!r} is not one of {', '.join(SUBSAMPLING)}")
    return _saved(pixels, "JPEG", quality=quality, subsampling=subsampling)


def resize(
    pixels: NDArray[np.uint8], size_or_scale: tuple[int, int] | int | float, resample: str = "bicubic"
) -> NDArray[np.uint8]:
    """Resample uint8 [H, W, 3] or [H, W] with Pillow, antialiased when shrinking.

    `size_or_scale`: (height, width) in px; an int is the length of the shorter side in px; a float is a scale factor.
    `resample`: nearest, box, bilinear, hamming, bicubic or lanczos.
    """
    from PIL import Image

    height, width = _target(pixels.shape[0], pixels.shape[1], size_or_scale)
    try:
        method = Image.Resampling[resample.upper()]
    except KeyError:
        known = ", ".join(m.name.lower() for m in Image.Resampling)
        raise ValueError(f"resample {resample!r} is not one of {known}") from None
    if (height, width) == pixels.shape[:2]:
        return pixels.copy()
    return np.asarray(_image(pixels).resize((width, height), method))


def _target(height: int, width: int, size_or_scale: tuple[int, int] | int | float) -> tuple[int, int]:
    if isinstance(size_or_scale, tuple):
        target = size_or_scale
    else:
        scale = size_or_scale / min(height, width) if isinstance(size_or_scale, int) else size_or_scale
        target = max(1, round(height * scale)), max(1, round(width * scale))
    if min(target) < 1 or (not isinstance(size_or_scale, tuple) and not size_or_scale > 0):
        raise ValueError(f"cannot resize {height} x {width} to {size_or_scale!r}")
    return target


def contact_sheet(
    images: Sequence[NDArray[np.uint8]], columns: int = 8, gap_px: int = 4, background: int = 255
) -> NDArray[np.uint8]:
    """Images uint8 [h, w, 3] in rows of `columns`, each centred in a cell of the largest height and width."""
    if not images or columns < 1:
        raise ValueError("a contact sheet needs at least one image and one column")
    cell_h, cell_w = max(i.shape[0] for i in images), max(i.shape[1] for i in images)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    shape = (rows * (cell_h + gap_px) + gap_px, columns * (cell_w + gap_px) + gap_px, 3)
    sheet = np.full(shape, background, np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top = gap_px + row * (cell_h + gap_px) + (cell_h - image.shape[0]) // 2
        left = gap_px + column * (cell_w + gap_px) + (cell_w - image.shape[1]) // 2
        sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
    return sheet


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    from PIL import Image

    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}, not uint8 [H, W, 3] or [H, W]")
    return Image.fromarray(np.ascontiguousarray(pixels))


def _saved(pixels: NDArray[np.uint8], format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    _image(pixels).save(buffer, format, **options)
    return buffer.getvalue()
