"""How an image of any size is shown to a detector: by rules that look at its size only, never at its label.

The detectors are trained on faces of 256 px (1024 px originals shrunk with a bicubic filter). So an image is scored

- as it is, where its shorter side is at most `LARGEST_NATIVE_PX`;
- shrunk the same way until its shorter side is 256 px, where it is larger;
- mirrored at its borders up to `SMALLEST_PX`, where it is smaller.

A strip longer than four times its shorter side is cut to its middle.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

WORKING_PX: Final = 256
LARGEST_NATIVE_PX: Final = 320
SMALLEST_PX: Final = 64
_LONGEST_SHAPE: Final = 4


def working_view(image: Pixels) -> Pixels:
    """The view uint8 [h, w, 3] in [0, 255] of an image uint8 [H, W, 3] that is scored."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"expected uint8 [H, W, 3] pixels, got {image.dtype} {list(image.shape)}")
    view = _middle(image)
    height, width = view.shape[:2]
    shorter = min(height, width)
    if shorter > LARGEST_NATIVE_PX:
        from forensics.images import resize

        view = resize(view, WORKING_PX)
    if min(view.shape[:2]) < SMALLEST_PX:
        need = [(0, max(0, SMALLEST_PX - side)) for side in view.shape[:2]]
        view = np.pad(view, [*need, (0, 0)], mode="symmetric")
    return np.ascontiguousarray(view)


def _middle(image: Pixels) -> Pixels:
    height, width = image.shape[:2]
    rows, columns = min(height, _LONGEST_SHAPE * width), min(width, _LONGEST_SHAPE * height)
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]
