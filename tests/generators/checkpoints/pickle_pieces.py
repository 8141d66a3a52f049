"""Pieces of pickles made by hand, and what the reader says of them."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

from tests.generators.checkpoints.outcomes import outcome, read_here


def text(value: str) -> bytes:
    """A BINUNICODE of `value`."""
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def named(module: str, name: str) -> bytes:
    """A GLOBAL."""
    return f"c{module}\n{name}\n".encode()


def big(n: int) -> bytes:
    """A LONG1 of 8 bytes."""
    return b"\x8a\x08" + struct.pack("<q", n)


def in_bytes(data: bytes) -> bytes:
    """A BINBYTES of `data`."""
    return b"B" + struct.pack("<I", len(data)) + data


ORDERED = named("collections", "OrderedDict")
FROM_BYTES = named("torch.storage", "_load_from_bytes")


def storage_stream(numel: int, raw: bytes, inner: bytes | None = None) -> bytes:
    """What torch.save wrote for one float storage, with any declared size, data and object pickle."""
    pid = text("storage") + named("torch", "FloatStorage") + text("0") + text("cpu")
    pid += b"\x8a\x08" + struct.pack("<q", numel) + b"N"
    body = inner if inner is not None else b"\x80\x02(" + pid + b"tQ."
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    head += pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, 2)
    return head + body + pickle.dumps(["0"], 2) + struct.pack("<q", numel) + raw


def read_bytes(folder: Path, data: bytes) -> str:
    path = folder / "weights.pkl"
    path.write_bytes(data)
    return outcome(lambda: read_here(path))
