"""A history as a JPEG file at a larger size, given to an image without changing anything else.

Photographs have mostly been JPEG files before, at the size of the original; samples of a generator often have not.
Where such originals were then reduced, the photographs keep what the compression left. To give an image that same
history it is enlarged so that reducing it again (Pillow's bicubic filter) returns it to the last level, compressed
there, and reduced. An ordinary enlargement would not do: down and up again is a blur, and a blur of one class alone is
a trace of its own, plainer than the one it was to remove.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from forensics.images import encode_jpeg

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

ORIGINAL_PX: Final = 1024


def with_jpeg_history(
    pixels: Pixels, quality: int, chroma: str = "4:2:0", scale: float | None = None
) -> Pixels:
    """uint8 [h, w, 3] in [0, 255] as if it had been a JPEG file `scale` times as large; by default 1024 px on its
    longer side.
    """
    height, width = pixels.shape[:2]
    if scale is None:
        scale = max(1.0, ORIGINAL_PX / max(height, width))
    larger = enlarged(pixels, (round(height * scale), round(width * scale)))
    with Image.open(io.BytesIO(encode_jpeg(larger, quality, chroma))) as image:
        return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))


def enlarged(pixels: Pixels, shape: tuple[int, int]) -> Pixels:
    """uint8 [*shape, 3] in [0, 255] whose bicubic reduction is `pixels` [h, w, 3] again, up to rounding (least in
    its norm).
    """
    rows = _inverse(pixels.shape[0], shape[0])
    columns = _inverse(pixels.shape[1], shape[1])
    planes = [rows @ pixels[:, :, c].astype(np.float32) @ columns.T for c in range(3)]
    return np.clip(np.rint(np.stack(planes, axis=2)), 0, 255).astype(np.uint8)


@lru_cache(maxsize=32)
def _inverse(small: int, large: int) -> Floats:
    """float32 [large, small]: right inverse of the reduction from `large` to `small` samples (Moore-Penrose)."""
    if small == large:
        return np.eye(small, dtype=np.float32)
    unit = Image.fromarray(np.eye(large, dtype=np.float32))
    reduce = np.asarray(unit.resize((large, small), Image.Resampling.BICUBIC), np.float64)
    return np.asarray(np.linalg.pinv(reduce), np.float32)
