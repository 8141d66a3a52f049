"""Hostile pickles, made by hand: each gives a one-line error, runs nothing, and takes little time."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forensics.generators.checkpoints.pickles.unpickler import Effort, Unpickler
from tests.generators.checkpoints.made_files import Persistent
from tests.generators.checkpoints.outcomes import outcome
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

MARKER = "marker-of-executed-code"
COMMAND = text(f"touch {MARKER}")
SIZE_10_GB = 10 * 2**30


def tensor(numel: int, shape: bytes, stride: bytes, raw: bytes) -> bytes:
    """A `_rebuild_tensor_v2` over a nested storage."""
    storage = FROM_BYTES + in_bytes(storage_stream(numel, raw)) + b"\x85R"
    arguments = b"(" + storage + b"K\x00" + shape + stride + b"\x89" + ORDERED + b")Rt"
    return named("torch._utils", "_rebuild_tensor_v2") + arguments + b"R"


class Runs:
    """Pickles as a call of anything."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


NESTED_SYSTEM = b"\x80\x02" + named("os", "system") + COMMAND + b"\x85R."


# name -> (stream, what the message names)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "os.system": (pickle.dumps(Runs(os.system, f"touch {MARKER}")), "posix.system"),
    "os.system, protocol 0 name": (b"\x80\x02" + named("os", "system") + COMMAND + b"\x85R.", "os.system"),
    "builtins.eval": (pickle.dumps(Runs(eval, f"open('{MARKER}', 'w')")), "builtins.eval"),
    "builtins.exec": (pickle.dumps(Runs(exec, f"open('{MARKER}', 'w')")), "builtins.exec"),
    "getattr chain": (b"\x80\x02" + named("builtins", "getattr") + b".", "builtins.getattr"),
    "dotted name": (b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.", "OrderedDict.__init__"),
    "torch.load": (b"\x80\x02" + named("torch", "load") + b".", "torch.load"),
    "torch.storage._load_from_bytes of os.system": (
        b"\x80\x02" + FROM_BYTES + in_bytes(storage_stream(1, b"\0" * 4, NESTED_SYSTEM)) + b"\x85R.",
        "os.system",
    ),
    "a zip inside _load_from_bytes": (
        b"\x80\x02" + FROM_BYTES + in_bytes(b"PK\x03\x04 and so on") + b"\x85R.",
        "magic number",
    ),
    "REDUCE of the result of a REDUCE": (b"\x80\x02" + ORDERED + b")R" + COMMAND + b"\x85R.", "calls a dict"),
    "REDUCE of text": (b"\x80\x02" + text("os.system") + COMMAND + b"\x85R.", "calls a str"),
    "REDUCE of a tag": (b"\x80\x02" + named("torch", "FloatStorage") + b")R.", "calls torch.FloatStorage"),
    "BUILD of a poisoned __setstate__": (
        b"\x80\x02" + ORDERED + b")R}" + text("__setstate__") + named("builtins", "set") + b"sb}b.",
        "sets __setstate__ on a dict",
    ),
    "BUILD on a class": (
        b"\x80\x02" + ORDERED + b"}" + text("pop") + named("builtins", "set") + b"sb.",
        "collections.OrderedDict",
    ),
    "BUILD with slots on a class": (b"\x80\x02" + ORDERED + b"N}\x86b.", "sets the state of collections"),
    "BUILD on a list": (b"\x80\x02]}b.", "sets the state of a list"),
    "NEWOBJ of os._wrap_close": (b"\x80\x02" + named("os", "_wrap_close") + b")\x81.", "os._wrap_close"),
    "NEWOBJ of a function": (b"\x80\x02" + FROM_BYTES + b")\x81.", "an instance of torch.storage"),
    "NEWOBJ_EX": (b"\x80\x04" + ORDERED + b")}\x92.", "NEWOBJ_EX"),
    "INST": (
        f"\x80\x02(S'touch {MARKER}'\nios\nsystem\n.".encode("latin1"),
        "opcode INST at byte 36 asks for os system",
    ),
    "OBJ": (b"\x80\x02(" + named("os", "system") + COMMAND + b"o.", "os.system"),
    "OBJ of what is allowed": (b"\x80\x02(" + ORDERED + b"o.", "OBJ"),
    "EXT1": (b"\x80\x02\x82\x01.", "EXT1"),
    "EXT2": (b"\x80\x02\x83\x01\x00.", "EXT2"),
    "EXT4": (b"\x80\x02\x84\x01\x00\x00\x00.", "EXT4"),
    "PERSID": (b"\x80\x02Pstorage\n.", "PERSID"),
    "BINPERSID where there is nothing": (b"\x80\x02" + text("storage") + b"Q.", "BINPERSID"),
    "NEXT_BUFFER": (b"\x80\x05\x97.", "NEXT_BUFFER"),
    "READONLY_BUFFER": (b"\x80\x05\x98.", "READONLY_BUFFER"),
    "a 10 GB tensor": (
        b"\x80\x02"
        + tensor(SIZE_10_GB // 4, big(SIZE_10_GB // 4) + b"\x85", b"K\x01\x85", b"\0" * 64)
        + b".",
        "the file has 64 left",
    ),
    "a negative storage": (b"\x80\x02" + tensor(-4, b"K\x01\x85", b"K\x01\x85", b"") + b".", "size"),
    "a tensor larger than its storage": (
        b"\x80\x02" + tensor(16, b"K\x20\x85", b"K\x01\x85", b"\0" * 64) + b".",
        "outside its storage",
    ),
    "strides of 0 that blow up": (
        b"\x80\x02" + tensor(16, big(1 << 40) + b"\x85", b"K\x00\x85", b"\0" * 64) + b".",
        "outside its storage",
    ),
    "a negative stride": (
        b"\x80\x02" + tensor(16, b"K\x04\x85", b"J\xff\xff\xff\xff\x85", b"\0" * 64) + b".",
        "not whole numbers",
    ),
    "a stride that overflows": (
        b"\x80\x02" + tensor(16, b"K\x02\x85", big(2**62) + b"\x85", b"\0" * 64) + b".",
        "outside its storage",
    ),
    "an object array": (
        pickle.dumps(np.array([Persistent("x").class_name], dtype=object)),
        "numpy dtype 'O8'",
    ),
    "a structured array": (pickle.dumps(np.zeros(2, dtype=[("a", "f4")])), "numpy dtype 'V4'"),
    "an array of dates": (pickle.dumps(np.zeros(2, dtype="M8[s]")), "numpy dtype 'M8'"),
    "a codec other than latin1": (
        b"\x80\x02" + named("_codecs", "encode") + text("x") + text("zip") + b"\x86R.",
        "latin1",
    ),
    "_reconstructor of a real class": (
        b"\x80\x02"
        + named("copyreg", "_reconstructor")
        + ORDERED
        + named("builtins", "object")
        + b"N\x87R}b.",
        "no network",
    ),
    "a TensorFlow network from before StyleGAN": (
        b"\x80\x02" + named("tfutil", "Network") + b".",
        "from before StyleGAN",
    ),
    "a TensorFlow network that is no more than a name": (
        b"\x80\x02" + named("dnnlib.tflib.network", "Network") + b".",
        "no network",
    ),
    "protocol 9": (b"\x80\x09.", "not a weights file"),
    "a memo index out of nowhere": (b"\x80\x02j\xff\xff\xff\xff.", "LONG_BINGET"),
    "an empty stack": (b"\x80\x02R.", "REDUCE"),
    "a stray mark": (b"\x80\x02(.", "STOP"),
    "two values": (b"\x80\x02NN.", "STOP"),
    "bytes after the end": (pickle.dumps({}, 4) + b"#!/bin/sh", "after the end"),
    "a tuple as a key": (b"\x80\x02})Ns.", "cannot be a key"),
    "an integer of a megabit": (
        b"\x80\x02\x8b" + struct.pack("<i", 1 << 17) + b"\x7f" * (1 << 17) + b".",
        "128 bits",
    ),
    "a decimal integer without end": (b"\x80\x02L" + b"9" * 100_000 + b"L\n.", "after PROTO"),
    "declared text that is not there": (b"\x80\x04\x8d" + struct.pack("<Q", 1 << 60) + b"x.", "damaged"),
    "declared bytes that are not there": (b"\x80\x04B" + struct.pack("<I", 0xFFFFFFFF) + b"x.", "damaged"),
    "declared frame": (b"\x80\x04\x95" + struct.pack("<Q", (1 << 64) - 1) + b".", "STOP"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_give_one_line_and_run_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data, said = HOSTILE[name]
    started = time.perf_counter()
    message = read_bytes(tmp_path, data)
    assert time.perf_counter() - started < 2
    assert said in message
    assert message.startswith(f"{tmp_path}/weights.pkl")
    assert "\n" not in message
    assert len(message) < 700
    assert not (tmp_path / MARKER).exists()


def test_the_marker_would_show_if_something_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes in Python's own unpickler do run: the tests above can fail."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(HOSTILE["os.system, protocol 0 name"][0])  # noqa: S301
    assert (tmp_path / MARKER).exists()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_refusal_names_opcode_position_and_global(tmp_path: Path, protocol: int) -> None:
    data = pickle.dumps({"G": Runs(os.system, "true")}, protocol)
    at = next(
        position
        for opcode, _, position in pickletools.genops(data)
        if opcode.name in ("GLOBAL", "STACK_GLOBAL")
    )
    message = outcome(lambda: Unpickler("w.pkl", Effort.for_file(len(data))).load(data))
    opcode = "STACK_GLOBAL" if protocol >= 4 else "GLOBAL"
    assert f"opcode {opcode} at byte {at} asks for posix.system" in message
    assert message.startswith("w.pkl: refused, nothing was run")


def test_nothing_is_imported_for_a_file(tmp_path: Path) -> None:
    before = set(sys.modules)
    stream = io.BytesIO(b"\x80\x02" + named("antigravity", "fly") + b".")
    assert "antigravity.fly" in read_bytes(tmp_path, stream.getvalue())
    assert "antigravity" not in set(sys.modules) - before
