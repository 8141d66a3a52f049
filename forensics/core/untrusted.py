"""The one door for untrusted bytes: a regular file, within a limit, read once and hashed once; and JSON within bounds.

Whatever a stranger may have written comes through here: weights, detector folders, corpora, pools, recipes, states.
What is recognised later is recognised in the bytes that were hashed, so nothing can change in between.
"""

from __future__ import annotations

import io
import json
import math
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from forensics.core.errors import ForensicsError
from forensics.core.files import sha256_bytes
from forensics.core.terminal import printable

_BLOCK_BYTES: Final = 1 << 20
_SPARSE_FROM_BYTES: Final = 64 << 20
_SPARSE_SHARE: Final = 16  # a file of which less than 1/16 lies on the disk is one of holes
MAX_JSON_BYTES: Final = 64 << 20
MAX_TABLE_BYTES: Final = 1 << 30  # a CSV file, or numbers kept for the next run
MAX_STATE_BYTES: Final = 64 << 30  # a training state
_MAX_INT_DIGITS: Final = 400


@dataclass(frozen=True)
class FileBytes:
    """The content of a file as it was read, and its SHA-256 (hex)."""

    path: Path
    data: bytes = field(repr=False)
    sha256: str


@contextmanager
def open_untrusted(
    path: Path, max_bytes: int, error: type[ForensicsError] = ForensicsError
) -> Iterator[tuple[io.FileIO, int]]:
    """The file opened for reading, and its size in bytes; never a FIFO, a device or a folder, never waiting.

    Raises `error`, one line that names the file, where it is missing, none, larger than `max_bytes`, or holes mostly.
    """
    named = printable(path)
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    )
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError as missing:
        what = "is a link to nothing" if Path(path).is_symlink() else "no such file"
        raise error(f"{named}: {what}; check the path") from missing
    except (OSError, ValueError) as refused:
        raise error(f"{named}: cannot be read ({_reason(refused)}); check its permissions") from refused
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(state.st_mode) else "not a file"
        raise error(f"{named}: is {what}; give one regular file")
    with io.FileIO(descriptor, "rb") as stream:
        if state.st_size > max_bytes:
            raise error(f"{named}: {state.st_size} bytes, and the limit is {max_bytes}")
        on_disk = getattr(state, "st_blocks", state.st_size) * 512
        if state.st_size > _SPARSE_FROM_BYTES and on_disk * _SPARSE_SHARE < state.st_size:
            raise error(f"{named}: {state.st_size} bytes of which {on_disk} are on the disk: holes, not data")
        yield stream, state.st_size


def read_untrusted(path: Path, max_bytes: int, error: type[ForensicsError] = ForensicsError) -> FileBytes:
    """The whole file, read once. Raises `error` as `open_untrusted` does, and where it grows or shrinks meanwhile."""
    with open_untrusted(path, max_bytes, error) as (stream, size):
        try:
            data = bytearray()
            while len(data) <= size and (block := stream.read(min(_BLOCK_BYTES, size + 1 - len(data)))):
                data += block
        except OSError as refused:
            raise error(f"{printable(path)}: cannot be read ({_reason(refused)})") from refused
    if len(data) != size:
        raise error(f"{printable(path)}: changes while it is read; give a copy that nothing writes to")
    whole = bytes(data)
    return FileBytes(Path(path), whole, sha256_bytes(whole))


def read_head(path: Path, n_bytes: int, error: type[ForensicsError] = ForensicsError) -> bytes:
    """The first `n_bytes` of a file of any size, or all of a shorter one. Raises `error` as `open_untrusted` does."""
    with open_untrusted(path, sys.maxsize, error) as (stream, _):
        try:
            return stream.read(n_bytes) or b""
        except OSError as refused:
            raise error(f"{printable(path)}: cannot be read ({_reason(refused)})") from refused


def read_json(
    path: Path, max_bytes: int = MAX_JSON_BYTES, error: type[ForensicsError] = ForensicsError
) -> Any:
    """The JSON value of a file, through `read_untrusted` and `parse_json`. Raises `error`, one line."""
    content = read_untrusted(path, max_bytes, error)
    try:
        return parse_json(content.data)
    except ValueError as refused:
        raise error(f"{printable(path)}: {refused}") from refused


def parse_json(data: bytes | str) -> Any:
    """The value of a JSON text; ValueError, with the reason, for what may not be in one.

    Refused: NaN and infinity, the same key twice, levels beyond the parser's, numbers of more than 400 digits, text
    that UTF-8 cannot hold.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_int,
        )
        if "\\ud" in text or "\\uD" in text:  # half of a pair would fail when it is written or shown
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError as error:
        raise ValueError("holds text that is not UTF-8") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"is no JSON ({error.msg}, line {error.lineno})") from error
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("holds the same key twice")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"holds {name}; numbers must be finite")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"holds {text[:24]}, which is not finite")
    return value


def _int(text: str) -> int:
    if len(text) > _MAX_INT_DIGITS:
        raise ValueError(f"holds a number of {len(text)} digits")
    return int(text)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
