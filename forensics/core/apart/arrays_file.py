"""The arrays of a safetensors file, parsed in a fork that the kernel bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.apart.arrays import head_of, receive_array, send_array
from forensics.core.apart.child import Send
from forensics.core.apart.forked import Bounds, can_fork, forked
from forensics.core.apart.parent import ApartError, Frames
from forensics.core.errors import ForensicsError
from forensics.core.terminal import printable
from forensics.core.untrusted import FileBytes, parse_json, read_untrusted

_MAX_BYTES: Final = 2 << 30
_MAX_HEADS_BYTES: Final = 4 << 20
_SECONDS: Final = 5.0
_BYTES_A_SECOND: Final = 50_000_000
_MEMORY_BYTES: Final = 320 << 20  # beyond the file once more

Arrays = dict[str, NDArray[Any]]


def read_arrays(
    path: Path, error: type[ForensicsError], advice: str, max_bytes: int = _MAX_BYTES
) -> tuple[Arrays, FileBytes]:
    """The arrays by name, each of any shape, float16 to int64 [d, …], all finite; and the file as it was read.

    Raises `error`, one line with `advice`, where it is missing, damaged or hostile.
    """
    content = read_untrusted(path, max_bytes, error)
    try:
        arrays = _parsed(content.data)
    except (ApartError, ValueError, TypeError) as refused:
        reason = printable(str(refused).splitlines()[0] if str(refused) else type(refused).__name__)
        raise error(f"{printable(path)}: cannot be read ({reason}); {advice}") from refused
    for key, value in arrays.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise error(f"{printable(path)}: {printable(key)} holds a value that is not finite; {advice}")
    return arrays, content


def _parsed(data: bytes) -> Arrays:
    from safetensors.numpy import load

    if not can_fork():
        return dict(load(data))

    def send_all(send: Send) -> None:
        arrays = dict(load(data))
        heads = [[name, *head_of(value)] for name, value in arrays.items()]
        send(b"H", json.dumps(heads).encode())
        for value in arrays.values():
            send_array(send, value)

    def receive_all(frames: Frames) -> Arrays:
        heads = parse_json(frames.expect(b"H", _MAX_HEADS_BYTES))
        arrays = {name: receive_array(frames, dtype, shape) for name, dtype, shape in heads}
        frames.expect(b"D", 0)
        return arrays

    bounds = Bounds(_SECONDS + len(data) / _BYTES_A_SECOND, len(data) + _MEMORY_BYTES)
    return forked(send_all, receive_all, bounds)
