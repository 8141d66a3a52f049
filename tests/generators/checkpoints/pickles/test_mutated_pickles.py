"""Pickles cut, mutated, or put together at random give a one-line error or a result."""

from __future__ import annotations

import pickletools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forensics.generators.checkpoints.pickles.constructors import CONSTRUCTORS, TAGS
from tests.generators.checkpoints.made_files import Persistent, pickled, stylegan2_modules
from tests.generators.checkpoints.pickle_pieces import in_bytes, named, read_bytes, text


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
