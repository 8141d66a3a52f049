"""Hostile bytes are worked on in a process apart: started when first needed, kept for the next, killed when too slow.

The other side is a folder with a `__main__.py` that calls `child.serve`. What comes back is
checked like any input: a child that was taken over can send wrong answers, but no more of them than allowed.

Frames on both pipes: one kind byte, a big-endian uint32 length, that many bytes. Out: `Q` the request as JSON, then `B`
the bytes. In: whatever the program sends, then `D`; or `E` with one sentence at any point.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Request = Mapping[str, Any]


class ApartError(Exception):
    """Why the work was not done, as the end of a sentence that begins with the file's name."""


class ChildDied(ApartError):
    """The process crashed, was killed from outside, or spoke nonsense."""


class Deadline:
    """Calls `act` once if the block takes longer than `seconds`, and never after the block."""

    def __init__(self, seconds: float, act: Callable[[], object]) -> None:
        self.passed, self._over, self._act = False, False, act
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def _expire(self) -> None:
        with self._lock:
            if not self._over:
                self.passed = True
                self._act()

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._over = True
        self._timer.cancel()


class Frames:
    """The answers of a child, one after the other."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read  # so many bytes, or EOFError

    def next(self, max_bytes: int) -> tuple[bytes, bytes]:
        """Kind and content of the next frame. Raises ApartError for `E`, ValueError for one over `max_bytes`."""
        kind, n_bytes = struct.unpack(">cI", self._read(5))
        if n_bytes > max_bytes:
            raise ValueError("a frame larger than what was allowed")
        data = self._read(n_bytes)
        if kind == b"E":
            raise ApartError(data.decode("utf-8", "replace"))
        return kind, data

    def expect(self, kind: bytes, max_bytes: int) -> bytes:
        """The content of the next frame, which is of this kind. ValueError where it is another."""
        other, data = self.next(max_bytes)
        if other != kind:
            raise ValueError(f"{other!r} where {kind!r} was due")
        return data


class Child:
    """One process that does one piece of work at a time."""

    def __init__(self, program: Path) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.alive = True
        self.served = 0  # pieces of work this process was asked for

    def ask(self, request: Request, data: bytes, receive: Callable[[Frames], T]) -> T:
        """What `receive` makes of the answers. `request["seconds"]` bounds the wall clock.

        Raises ApartError; where that is ChildDied or a timeout, the process has ended.
        """
        self.served += 1
        deadline = Deadline(request["seconds"], self._process.kill)
        try:
            with deadline:
                self._send(b"Q", json.dumps(dict(request)).encode())
                self._send(b"B", data)
                return receive(Frames(self._read))
        except (OSError, EOFError, ValueError, KeyError, TypeError, struct.error) as error:
            self.close()
            if deadline.passed:
                raise ApartError(
                    f"took longer than {request['seconds']:g} s to read; make it smaller"
                ) from error
            raise ChildDied(
                "made the process that reads it stop; it is damaged or hostile, use an intact copy"
            ) from error
        except ApartError:
            raise
        except BaseException:  # Ctrl-C: the pipes now hold half a conversation
            self.close()
            raise
        finally:
            if deadline.passed and self.alive:
                self.close()  # the deadline passed as the last byte came

    def _send(self, kind: bytes, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(struct.pack(">cI", kind, len(data)))
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _read(self, n_bytes: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(n_bytes)
        if len(data) < n_bytes:
            raise EOFError
        return data

    def close(self) -> None:
        """Kill the process and collect it."""
        self.alive = False
        self._process.kill()
        self.let_go()
        self._process.wait()

    def let_go(self) -> None:
        """Close this side of the pipes."""
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()


class Children(Generic[T]):
    """The processes of one program, a folder with a `__main__.py`."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._idle: list[Child] = []
        self._lock = threading.Lock()
        _POOLS.add(self)

    def ask(self, request: Request, data: bytes, receive: Callable[[Frames], T]) -> T:
        """As `Child.ask`, of an idle process or a new one; raises ApartError.

        A process that had served before and died may have died of something else (memory taken by others, say), so
        its work gets a second, new process; that one's word is final.
        """
        with self._borrowed() as child:
            try:
                return child.ask(request, data, receive)
            except ChildDied:
                if child.served == 1:
                    raise
        with self._borrowed(Child(self._program)) as child:
            return child.ask(request, data, receive)

    @contextlib.contextmanager
    def _borrowed(self, child: Child | None = None) -> Iterator[Child]:
        """An idle process, or a new one; afterwards it is idle unless it was killed."""
        if child is None:
            with self._lock:
                child = self._idle.pop() if self._idle else None
        if child is None:
            child = Child(self._program)
        try:
            yield child
        finally:
            if child.alive:
                with self._lock:
                    self._idle.append(child)

    def close(self) -> None:
        """End the idle processes; the next piece of work starts a new one."""
        with self._lock:
            idle, self._idle[:] = self._idle[:], []
        for child in idle:
            child.close()

    def forget(self) -> None:
        """After a fork: the child must not talk to its parent's processes, so it closes its copies of the pipes."""
        self._lock = threading.Lock()
        for child in self._idle:
            child.let_go()
        self._idle.clear()


_POOLS: weakref.WeakSet[Children[Any]] = weakref.WeakSet()


def close_all() -> None:
    """End the idle processes of every program."""
    for pool in list(_POOLS):
        pool.close()


def _forget_after_fork() -> None:
    for pool in list(_POOLS):
        pool.forget()


atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
