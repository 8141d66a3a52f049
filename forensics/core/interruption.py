"""Ctrl-C ends a command within two seconds, whatever it is in the middle of.

Python looks at a signal only between two of its own steps, and a matrix product, a library's loading or another
process may take far longer. So a thread watches too: it ends the worker processes at once, and the whole program where
the main thread has not ended by itself a moment later. Files are written so that a kill at any moment is harmless.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from forensics.core.terminal import note

EXIT_CODE: Final = 130
_PATIENCE_S: Final = 0.5
_starting_workers = threading.Lock()


class Watch:
    """Whether Ctrl-C was pressed, and what is said of it, once."""

    def __init__(self) -> None:
        self.pressed = False
        self._at_once = False
        self._saying = threading.Lock()
        self._said = False

    def say(self) -> None:
        """The one line, on stderr."""
        with self._saying:
            if not self._said:
                self._said = True
                note("interrupted")

    def handle(self, _signal: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt in the main thread, but not where that would break more than it ends."""
        self.pressed = True
        if _is_importing(frame):
            self._at_once = True  # libraries in C++ abort when Python raises while they are being loaded
        elif not _starting_workers.locked():
            raise KeyboardInterrupt

    def follow(self, signals: int) -> None:
        """Wait for SIGINT among the bytes of the pipe `signals`, then see to it that the program ends."""
        while signal.SIGINT not in os.read(signals, 1):
            pass
        self.pressed = True
        _kill_workers()
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline and not self._at_once:
            time.sleep(0.02)
        self.leave()

    def leave(self) -> NoReturn:
        """Say it and end the program here and now: taking down a large library in good order takes a second, too."""
        self.say()
        _kill_workers()
        _leave_nothing_named()
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(EXIT_CODE)


@contextmanager
def ends_on_interrupt() -> Iterator[Watch]:
    """Within, Ctrl-C ends the program in two seconds at most; the `Watch` says whether it was pressed.

    KeyboardInterrupt is raised as ever. Nothing is watched where SIGINT is ignored or somebody else's, in another than
    the main thread, and on Windows.
    """
    watch = Watch()
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if os.name == "nt" or not usual or threading.current_thread() is not threading.main_thread():
        yield watch
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, watch.handle)
    threading.Thread(target=watch.follow, args=(reading,), daemon=True, name="interruption").start()
    try:
        yield watch
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.set_wakeup_fd(wakeup)


@contextmanager
def shielded() -> Iterator[None]:
    """Processes started within never see Ctrl-C: who started them ends them. Without it each prints its traceback."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    with _starting_workers:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _kill_workers() -> None:
    """End the processes that this one has started, one that it is starting, too: those in /proc, or that are known."""
    multiprocessing = sys.modules.get("multiprocessing")
    tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
    for pid in _children() or [
        child.pid for child in (multiprocessing.active_children() if multiprocessing else ())
    ]:
        if pid != getattr(tracker, "_pid", None):  # it removes what is left over, and ends by itself
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _children() -> list[int]:
    """Process ids of the children, where the system lists them."""
    lists = Path("/proc/self/task").glob("*/children")
    with suppress(OSError):
        return [int(pid) for path in lists for pid in path.read_text().split()]
    return []


def _leave_nothing_named() -> None:
    """Remove named semaphores, which multiprocessing would otherwise complain of as leaked."""
    if util := sys.modules.get("multiprocessing.util"):
        util._run_finalizers(0)
