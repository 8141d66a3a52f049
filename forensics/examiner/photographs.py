"""Whatever a photograph is given as in Python, decoded: paths, folders, bytes, arrays, PIL images, many of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import ForensicsError
from forensics.core.terminal import printable
from forensics.images import (
    DecodedImage,
    Found,
    ImageFailure,
    decode_bytes,
    decode_many,
    encode_png,
    find_images,
)

if TYPE_CHECKING:
    from PIL.Image import Image

Photograph: TypeAlias = "str | PathLike[str] | bytes | NDArray[np.uint8] | Image"
_DECODING_AHEAD: Final = 2


def decoded(photographs: Iterable[Photograph | Iterable[Photograph]]) -> Iterator[DecodedImage]:
    """The images of `photographs` in order, each read when asked for. ForensicsError names what cannot be read."""
    for number, photograph in enumerate(_flat(photographs)):
        yield from _images_of(number, photograph)


def _flat(photographs: Iterable[Photograph | Iterable[Photograph]]) -> Iterator[Photograph]:
    from PIL.Image import Image

    for one in photographs:
        if isinstance(one, str | PathLike | bytes | np.ndarray | Image):
            yield cast("Photograph", one)
        elif isinstance(one, Iterable):
            yield from one
        else:
            raise ForensicsError(
                f"a photograph is a path, bytes, an array or a PIL image, not {type(one).__name__}"
            )


def _images_of(number: int, photograph: Photograph) -> Iterator[DecodedImage]:
    """The images of one photograph or folder."""
    if isinstance(photograph, bytes):
        yield decode_bytes(photograph, f"bytes {number}")
    elif isinstance(photograph, str | PathLike):
        yield from _in(find_images((Path(photograph),), (), ()), Path(photograph))
    else:
        yield decode_bytes(encode_png(_pixels(photograph)), f"image {number}")


def _in(found: Found, place: Path) -> Iterator[DecodedImage]:
    for failure in found.failures:
        raise ForensicsError(failure.message)
    if not found.paths:
        raise ForensicsError(f"{printable(place)}: no images there")
    for image in decode_many(found.paths, workers=_DECODING_AHEAD):
        if isinstance(image, ImageFailure):
            raise ForensicsError(image.message)
        yield image


def _pixels(photograph: NDArray[np.uint8] | Image) -> NDArray[np.uint8]:
    """uint8 [H, W, 3] of an array or a PIL image; ForensicsError where it is none of both."""
    if not isinstance(photograph, np.ndarray) and not hasattr(photograph, "convert"):
        raise ForensicsError(
            f"a photograph is a path, bytes, an array or a PIL image, not {type(photograph).__name__}"
        )
    pixels = photograph if isinstance(photograph, np.ndarray) else np.asarray(photograph.convert("RGB"))
    if (
        pixels.dtype != np.uint8
        or not pixels.size
        or pixels.ndim not in (2, 3)
        or pixels.shape[2:] not in ((), (3,))
    ):
        raise ForensicsError(
            f"an image is uint8 [H, W, 3] or [H, W], not {pixels.dtype} {list(pixels.shape)}"
        )
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
