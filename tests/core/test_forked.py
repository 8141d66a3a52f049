"""Work in a fork: what it sends comes back, and whatever it does, the caller gets one sentence and no child is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forensics.core.apart.child import Refused, Send
from forensics.core.apart.forked import Bounds, can_fork, forked
from forensics.core.apart.parent import ApartError, ChildDied, Frames

pytestmark = pytest.mark.skipif(not can_fork(), reason="no fork on this system")
BOUNDS = Bounds(seconds=5.0, memory_bytes=64 << 20)


def one(frames: Frames) -> bytes:
    content = frames.expect(b"H", 1000)
    frames.expect(b"D", 0)
    return content


def children() -> set[str]:
    """The processes that this one has started and not collected; decoders of other tests may be among them."""
    lists = Path("/proc/self/task").glob("*/children")
    return {pid for path in lists for pid in path.read_text().split()}


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before


def test_what_is_sent_comes_back() -> None:
    assert forked(lambda send: send(b"H", b"tensor"), one, BOUNDS) == b"tensor"


def test_the_caller_may_let_go_once_the_fork_is_there() -> None:
    said: list[str] = []
    forked(lambda send: send(b"H", b""), one, BOUNDS, begun=lambda: said.append("begun"))
    assert said == ["begun"]


def hang(send: Send) -> None:
    time.sleep(60)


def crash(send: Send) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(send: Send) -> None:
    raise SystemExit(0)


def lie(send: Send) -> None:
    send(b"H", bytes(2000))


def refuse(send: Send) -> None:
    raise Refused("holds a bomb")


def stumble(send: Send) -> None:
    raise TypeError("two\nlines")


def swallow_memory(send: Send) -> None:
    bytearray(1 << 30)


def write_a_file(send: Send) -> None:
    with open("/tmp/written-by-a-fork", "wb") as stream:
        stream.write(bytes(1 << 20))


@pytest.mark.parametrize(
    ("work", "error", "sentence"),
    [
        (hang, ApartError, "took longer than 0.3 s"),
        (crash, ChildDied, "made the process that reads it stop"),
        (leave, ChildDied, "made the process that reads it stop"),
        (lie, ChildDied, "made the process that reads it stop"),
        (refuse, ApartError, "holds a bomb"),
        (stumble, ApartError, r"damaged or hostile \(TypeError: two lines\)"),
        (swallow_memory, ApartError, "needs more than the 64 MiB of memory"),
        (write_a_file, ApartError, "damaged or hostile|made the process that reads it stop"),
    ],
)
def test_whatever_it_does_is_one_sentence(
    work: Callable[[Send], None], error: type[Exception], sentence: str
) -> None:
    bounds = Bounds(0.3, BOUNDS.memory_bytes) if work is hang else BOUNDS
    with pytest.raises(error, match=sentence) as refused:
        forked(work, one, bounds)
    assert "\n" not in str(refused.value)
