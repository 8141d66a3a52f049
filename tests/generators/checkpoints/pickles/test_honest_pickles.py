"""Honest pickles of plain values, arrays and tensors come back as they were."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.generators.checkpoints.pickles.records import NumpyArray, StoredTensor
from forensics.generators.checkpoints.pickles.unpickler import Effort, Unpickler
from tests.generators.checkpoints.made_files import nvidia_names


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
