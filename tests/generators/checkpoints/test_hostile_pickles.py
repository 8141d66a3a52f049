"""Hostile pickles, made by hand: each gives a one-line error, runs nothing, takes little time and memory."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import resource
import struct
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forensics.generators.checkpoints import read_checkpoint
from forensics.generators.checkpoints.constructors import CONSTRUCTORS, TAGS
from forensics.generators.checkpoints.records import NumpyArray, StoredTensor
from forensics.generators.checkpoints.unpickler import Effort, Unpickler
from tests.generators.checkpoints.made_files import Persistent, nvidia_names, pickled, stylegan2_modules
from tests.generators.checkpoints.outcomes import outcome

MARKER = "marker-of-executed-code"


def text(value: str) -> bytes:
    """A BINUNICODE of `value`."""
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def named(module: str, name: str) -> bytes:
    """A GLOBAL."""
    return f"c{module}\n{name}\n".encode()


COMMAND = text(f"touch {MARKER}")
ORDERED = named("collections", "OrderedDict")
FROM_BYTES = named("torch.storage", "_load_from_bytes")
SIZE_10_GB = 10 * 2**30


def storage_stream(numel: int, raw: bytes, inner: bytes | None = None) -> bytes:
    """What torch.save wrote for one float storage, with any declared size, data and object pickle."""
    pid = text("storage") + named("torch", "FloatStorage") + text("0") + text("cpu")
    pid += b"\x8a\x08" + struct.pack("<q", numel) + b"N"
    body = inner if inner is not None else b"\x80\x02(" + pid + b"tQ."
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    head += pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, 2)
    return head + body + pickle.dumps(["0"], 2) + struct.pack("<q", numel) + raw


def in_bytes(data: bytes) -> bytes:
    """A BINBYTES of `data`."""
    return b"B" + struct.pack("<I", len(data)) + data


def tensor(numel: int, shape: bytes, stride: bytes, raw: bytes) -> bytes:
    """A `_rebuild_tensor_v2` over a nested storage."""
    storage = FROM_BYTES + in_bytes(storage_stream(numel, raw)) + b"\x85R"
    arguments = b"(" + storage + b"K\x00" + shape + stride + b"\x89" + ORDERED + b")Rt"
    return named("torch._utils", "_rebuild_tensor_v2") + arguments + b"R"


def big(n: int) -> bytes:
    """A LONG1 of 8 bytes."""
    return b"\x8a\x08" + struct.pack("<q", n)


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
    "a TensorFlow network": (
        b"\x80\x02" + named("dnnlib.tflib.network", "Network") + b".",
        "legacy.py",
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


def read_bytes(folder: Path, data: bytes) -> str:
    path = folder / "weights.pkl"
    path.write_bytes(data)
    return outcome(lambda: read_checkpoint(path))


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


def test_a_snapshot_cut_anywhere_is_an_error(shared: Path, tmp_path: Path) -> None:
    data = pickled(stylegan2_modules(shared), 4)
    for cut in [*range(1, 200), *range(200, len(data) - 1, len(data) // 60), len(data) - 1]:
        message = read_bytes(tmp_path, data[:cut])
        assert message
        assert "\n" not in message


@pytest.fixture(scope="module")
def snapshot() -> bytes:
    """A small honest pickle with every kind of record in it."""
    module = Persistent("Generator", z_dim=4, _init_kwargs={"a": np.float64(2), "b": np.arange(3)})
    module.state["_parameters"]["weight"] = torch.nn.Parameter(torch.arange(4.0))
    return pickled({"G": module, "training_set_kwargs": {"x": [1, (2, 3), {"y"}, b"z", 1.5, None, True]}}, 4)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_pickles_give_an_error_or_a_result(
    snapshot: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    mutant = bytearray(snapshot)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutant) - 1))
        kind = data.draw(st.sampled_from(["set", "insert", "delete"]))
        if kind == "set":
            mutant[at] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            mutant[at:at] = data.draw(st.binary(min_size=1, max_size=8))
        else:
            del mutant[at : at + data.draw(st.integers(1, 8))]
    assert "\n" not in read_bytes(tmp_path, bytes(mutant))


OPCODES = [bytes([ord(opcode.code)]) for opcode in pickletools.opcodes if opcode.name != "STOP"]
PIECES = st.one_of(
    st.sampled_from(OPCODES),
    st.sampled_from([named(*pair) for pair in sorted(set(CONSTRUCTORS) | TAGS)]),
    st.sampled_from(
        [b"K\x01", b"q\x00", b"h\x00", text("f4"), text("latin1"), in_bytes(b"abcd"), b")", b"}", b"\x85"]
    ),
    st.binary(max_size=3),
)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, max_size=25))
def test_programs_out_of_allowed_pieces_give_an_error_or_a_result(
    tmp_path: Path, pieces: list[bytes]
) -> None:
    assert "\n" not in read_bytes(tmp_path, b"\x80\x04" + b"".join(pieces) + b".")


def machine_result(value: Any, protocol: int) -> Any:
    with nvidia_names():
        data = pickle.dumps(value, protocol=protocol)
    result, end = Unpickler("w", Effort.for_file(len(data))).load(data)
    assert end == len(data)
    return result


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**100), 2**100)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
        | st.tuples(inner, inner)
        | st.sets(st.integers(0, 9))
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(value=PLAIN, protocol=st.integers(2, 5))
def test_plain_values_come_back_as_they_were(value: Any, protocol: int) -> None:
    assert machine_result(value, protocol) == value


@settings(max_examples=100, deadline=None)
@given(
    shape=st.lists(st.integers(0, 4), max_size=3),
    dtype=st.sampled_from(["f2", "f4", "f8", ">f4", "i1", "i8", "u2", "?"]),
    fortran=st.booleans(),
    protocol=st.integers(2, 5),
)
def test_arrays_come_back_as_they_were(shape: list[int], dtype: str, fortran: bool, protocol: int) -> None:
    array = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    array = np.asfortranarray(array) if fortran else array
    result = machine_result(array, protocol)
    assert isinstance(result, NumpyArray)
    assert np.array_equal(result.array(), array)
    assert result.array().dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.bool]
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_tensors_come_back_as_they_were(dtype: torch.dtype, protocol: int) -> None:
    whole = torch.arange(24).reshape(2, 3, 4).to(dtype)
    for tensor in (whole, whole[1], whole[:, 1:, ::2], whole.mT, whole[:0], whole[0, 0, 0]):
        result = machine_result(tensor, protocol)
        assert isinstance(result, StoredTensor)
        assert torch.equal(result.tensor(), tensor)


def test_state_dicts_with_metadata_come_back(tmp_path: Path) -> None:
    """torch hangs `_metadata` on a state dict, which BUILD sets: it is dropped, the tensors stay."""
    state = torch.nn.Linear(2, 2).state_dict()
    assert list(machine_result(OrderedDict(state), 4)) == ["weight", "bias"]


def test_nothing_is_imported_for_a_file(tmp_path: Path) -> None:
    before = set(sys.modules)
    stream = io.BytesIO(b"\x80\x02" + named("antigravity", "fly") + b".")
    assert "antigravity.fly" in read_bytes(tmp_path, stream.getvalue())
    assert "antigravity" not in set(sys.modules) - before
