"""Arrays that a fork sends arrive as they were: every type, every shape, in more than one block."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from forensics.core.apart import arrays as apart
from forensics.core.apart.child import Send
from forensics.core.apart.forked import Bounds, forked
from forensics.core.apart.parent import ChildDied, Frames
from forensics.core.untrusted import parse_json

TYPES = st.sampled_from(["float16", "float32", "float64", "int64", "uint8", "bool"])


def through_a_fork(array: NDArray[Any], kind: str = "") -> NDArray[Any]:
    def send_it(send: Send) -> None:
        dtype, shape = apart.head_of(array)
        send(b"H", json.dumps([kind or dtype, shape]).encode())
        apart.send_array(send, array)

    def receive_it(frames: Frames) -> NDArray[Any]:
        dtype, shape = parse_json(frames.expect(b"H", 1000))
        return apart.receive_array(frames, dtype, shape)

    return forked(send_it, receive_it, Bounds(20, 1 << 28))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_array_comes_back_as_it_was(data: st.DataObject) -> None:
    shape = data.draw(st.one_of(st.just(()), array_shapes(min_dims=1, max_dims=4, min_side=0)))
    array = data.draw(arrays(data.draw(TYPES), shape))
    back = through_a_fork(array)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()


def test_more_than_one_block_and_a_view_that_is_not_contiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_BLOCK_BYTES", 1000)
    array = np.arange(30_000, dtype=np.float32).reshape(100, 300)[::3, ::-1]
    np.testing.assert_array_equal(through_a_fork(array), array)


def test_a_type_that_is_never_sent_is_an_error() -> None:
    with pytest.raises(ChildDied):
        through_a_fork(np.zeros(3, np.float32), "object")
