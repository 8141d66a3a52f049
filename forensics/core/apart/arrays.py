"""Arrays on their way from the process that parsed a file: type and shape first, then the values in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.apart.child import Send
from forensics.core.apart.parent import Frames

_BLOCK_BYTES: Final = 16 << 20
_DTYPES: Final = {
    name: np.dtype(name)
    for name in ("float16", "float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool")
}


def head_of(array: NDArray[Any]) -> tuple[str, list[int]]:
    """Name of the type and shape of an array of any shape [d, …], for the record that goes ahead of the values."""
    return str(array.dtype), list(array.shape)


def send_array(send: Send, array: NDArray[Any]) -> None:
    """The values of an array of any shape [d, …], in blocks of at most 16 MB."""
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data if array.size else memoryview(b"")
    for start in range(0, len(flat), _BLOCK_BYTES):
        send(b"T", flat[start : start + _BLOCK_BYTES])


def receive_array(frames: Frames, dtype: str, shape: Sequence[int]) -> NDArray[Any]:
    """The array [*shape] that `send_array` sent; KeyError for a type that is none of those sent here."""
    array = np.empty(tuple(shape), _DTYPES[dtype])
    flat = array.reshape(-1).view(np.uint8)
    at = 0
    while at < len(flat):
        block = frames.expect(b"T", min(_BLOCK_BYTES, len(flat) - at))
        flat[at : at + len(block)] = np.frombuffer(block, np.uint8)
        at += len(block)
    return array
