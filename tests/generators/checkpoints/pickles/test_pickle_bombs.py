"""Small pickles that would take much time or memory end soon and stay small."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from tests.generators.checkpoints.pickle_pieces import (
    FROM_BYTES,
    ORDERED,
    big,
    in_bytes,
    named,
    read_bytes,
    storage_stream,
    text,
)

BOMBS: dict[str, bytes] = {
    # Lists of lists: each level names the one below a hundred times.
    "billion laughs": b"\x80\x02]q\x00" + b"".join(
        b"](" + b"h" + bytes([k]) + (b"h" + bytes([k])) * 99 + b"eq" + bytes([k + 1]) for k in range(60)
    ) + b"0" * 60 + b".",
    "more opcodes than any weights": b"\x80\x02" + b"N0" * 600_000 + b"N.",
    "a stack without end": b"\x80\x02" + b"N" * 900_000 + b".",
    "marks without end": b"\x80\x02" + b"(" * 900_000 + b".",
    "a memo without end": b"\x80\x04N" + b"\x94" * 900_000 + b".",
    "tuples in tuples": b"\x80\x02)" + b"\x85" * 900_000 + b".",
    "lists in lists": b"\x80\x02" + b"]" * 90_000 + b"a" * 89_999 + b".",
    "tuples in tuples as a key": b"\x80\x02})" + b"\x85" * 900_000 + b"Ns.",
    "sets of the same list": b"\x80\x02](" + b"K\x01" * 90_000 + b"eq\x000"
    + (named("builtins", "set") + b"h\x00\x85R0") * 30_000 + b"N.",
    "dicts of the same dict": b"\x80\x02}(" + b"".join(big(k) + b"N" for k in range(40_000)) + b"uq\x000"
    + (ORDERED + b"h\x00\x85R0") * 30_000 + b"N.",
    "BUILD of the same dict": b"\x80\x02}(" + b"".join(big(k) + b"N" for k in range(40_000)) + b"uq\x00"
    + b"h\x00b" * 100_000 + b".",
    "the same text encoded": b"\x80\x02" + text("x" * 1_000_000) + b"q\x000"
    + (named("_codecs", "encode") + b"h\x00" + text("latin1") + b"\x86R0") * 10_000 + b"N.",
    "the same storage as many tensors": b"\x80\x02" + FROM_BYTES
    + in_bytes(storage_stream(1 << 18, b"\0" * (1 << 20))) + b"\x85Rq\x000"
    + (named("torch._utils", "_rebuild_tensor_v2") + b"(h\x00K\x00" + big(1 << 18) + b"\x85K\x01\x85\x89NtR0") * 9_000
    + b"N.",
    "the same nested stream": b"\x80\x02" + in_bytes(storage_stream(4, b"\0" * 16)) + b"q\x000"
    + (FROM_BYTES + b"h\x00\x85R0") * 50_000 + b"N.",
    "colliding keys": b"\x80\x02}(" + b"".join(
        b"\x8a\x10" + (k * (2**61 - 1)).to_bytes(16, "little") + b"N" for k in range(1, 30_000)
    ) + b"u.",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_fast_and_small(name: str, tmp_path: Path) -> None:
    """A message (or an honest nothing), within seconds and within a few hundred megabytes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    message = read_bytes(tmp_path, BOMBS[name])
    assert message
    assert "\n" not in message
    assert time.perf_counter() - started < 8
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 400 * 1024


def test_nested_modules_that_multiply_are_refused(tmp_path: Path) -> None:
    """A module that holds itself: endless if one follows it."""
    meta = named("torch_utils.persistence", "_reconstruct_persistent_obj")
    description = b"}(" + text("type") + text("class") + text("module_src") + text("") + text("class_name")
    loop = b"\x80\x02}q\x000" + meta + description + text("x") + text("state") + b"h\x00u\x85Rq\x01"
    loop += b"0h\x00" + text("_modules") + b"}" + text("me") + b"h\x01ss0}" + text("G") + b"h\x01s."
    assert "too deep or too many" in read_bytes(tmp_path, loop)
