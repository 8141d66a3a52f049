"""What an encoder is shown: the centred square at 128 px; in fitting also as images arrive: cut, compressed, grey."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.corpus.photographs.loading import square
from forensics.images import decode_bytes, encode_jpeg, resize

Pixels = NDArray[np.uint8]

SIDE_PX: Final = 128
_AS_IT_IS: Final = 0.35  # share of the images that nothing happens to
_GREY: Final = 0.1
_LUMA: Final = (0.299, 0.587, 0.114)  # ITU-R BT.601


def encoder_view(image: Pixels) -> Pixels:
    """The centred square of uint8 [H, W, 3] as uint8 [128, 128, 3]."""
    return square(image, SIDE_PX)


def grey(image: Pixels) -> Pixels:
    """uint8 [H, W, 3] with three equal channels."""
    luma = np.rint(image.astype(np.float32) @ np.array(_LUMA, np.float32)).astype(np.uint8)
    return np.repeat(luma[..., None], 3, axis=-1)


def delivered(image: Pixels, rng: np.random.Generator) -> Pixels:
    """uint8 [H, H, 3] as it may reach an examiner: reduced, cut to 90 % or more, JPEG 30 to 95, one in ten grey."""
    if rng.random() < _AS_IT_IS:
        return image
    x = image
    if rng.random() < 0.5:
        side = x.shape[0]
        left, top = (int(rng.integers(0, side // 20 + 1)) for _ in range(2))
        width = int(rng.integers(side * 9 // 10, side - max(left, top) + 1))
        x = x[top : top + width, left : left + width]
    if rng.random() < 0.5:
        x = resize(np.ascontiguousarray(x), float(rng.uniform(0.4, 1.0)))
    if rng.random() < _GREY:
        x = grey(x)
    if rng.random() < 0.7:
        data = encode_jpeg(np.ascontiguousarray(x), int(rng.integers(30, 96)))
        x = decode_bytes(data, "delivered").pixels
    return x
