"""One piece of work on hostile bytes in a fork of this process: killable, with its own bounds, and gone afterwards.

A fork has what was imported already, so it costs some 10 ms where a new process with torch would cost seconds. It runs
one thread, writes no file, and ends by itself. Where there is no fork (Windows), there is no bound: `can_fork` says so.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import struct
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn, TypeVar

from forensics.core.apart.child import Send, answer, sender
from forensics.core.apart.parent import ApartError, ChildDied, Deadline, Frames

T = TypeVar("T")


@dataclass(frozen=True)
class Bounds:
    """What the work may cost: seconds of wall clock and of CPU, and bytes of address space beyond what is there now."""

    seconds: float
    memory_bytes: int


def can_fork() -> bool:
    """Whether this system forks."""
    return hasattr(os, "fork") and sys.platform != "darwin"  # macOS: system libraries do not survive a fork


def forked(
    work: Callable[[Send], None],
    receive: Callable[[Frames], T],
    bounds: Bounds,
    *,
    begun: Callable[[], None] = lambda: None,
) -> T:
    """What `receive` makes of what `work` sends, which runs in a fork. `begun` is called here once the fork is there.

    Raises ApartError with the sentence of a `Refused` or of any other exception of `work`, or because it took too much;
    ChildDied where the fork crashed or spoke nonsense.
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python warns of forks beside threads: the fork takes no lock of theirs and runs no code of theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _work(work, writer, reader, bounds)
    os.close(writer)
    begun()
    with os.fdopen(reader, "rb") as stream, _watched(child, bounds) as deadline:
        try:
            return receive(Frames(_exactly(stream)))
        except (OSError, EOFError, ValueError, KeyError, TypeError, struct.error) as error:
            if deadline.passed:
                raise ApartError(f"took longer than {bounds.seconds:g} s to read") from error
            raise ChildDied("made the process that reads it stop; it is damaged or hostile") from error


@contextlib.contextmanager
def _watched(child: int, bounds: Bounds) -> Iterator[Deadline]:
    """The fork is killed when it takes too long, and in any case afterwards."""

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    deadline = Deadline(bounds.seconds, kill)
    try:
        with deadline:
            yield deadline
    finally:
        kill()
        os.waitpid(child, 0)


def _exactly(stream: BinaryIO) -> Callable[[int], bytes]:
    def read(n_bytes: int) -> bytes:
        data = stream.read(n_bytes)
        if len(data) < n_bytes:
            raise EOFError
        return data

    return read


def _work(work: Callable[[Send], None], writer: int, reader: int, bounds: Bounds) -> NoReturn:
    """The fork's whole life. It leaves without the parent's exit handlers and buffers."""
    code = 1
    try:
        os.close(reader)
        faulthandler.disable()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)  # a library that prints, or reports its own crash, must not speak to the user
        os.dup2(null, 2)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        request = {"seconds": bounds.seconds, "memory_bytes": bounds.memory_bytes, "beyond_now": True}
        with os.fdopen(writer, "wb") as sink:
            answer(request, lambda send: work(send), (sender(sink), _sentence, "this file"))
        code = 0
    finally:
        os._exit(code)


def _sentence(error: Exception, request: Any) -> str:
    detail = " ".join((str(error) or type(error).__name__).split())[:160]
    return f"is damaged or hostile ({type(error).__name__}: {detail})"
