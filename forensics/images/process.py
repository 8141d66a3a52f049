"""The decoding processes: started when first needed, kept for the next image, killed when one takes too long.

The other side is the folder `decoder`. What comes back is checked like any input: a decoder that was taken over by a
hostile file can send wrong pixels, but no more of them than the limits allow.
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DECODER = Path(__file__).with_name("decoder")
_MAX_HEADER_BYTES = 1 << 20


class DecodeError(Exception):
    """Why an image was not decoded, as the end of a sentence that begins with the file's name."""


class DecoderDied(DecodeError):
    """The decoding process crashed, was killed from outside, or spoke nonsense."""


@dataclass(frozen=True)
class Header:
    """What the decoder found out about an image."""

    format: str
    mode: str
    width: int  # px, as stored
    height: int
    n_frames: int
    orientation: int  # as the file says, 1 to 8
    turn: int  # the orientation that is still to be applied
    warnings: tuple[str, ...]
    jpeg_tables: tuple[tuple[int, ...], ...] | None

    @classmethod
    def checked(cls, value: dict[str, Any]) -> Header:
        """From JSON; raises KeyError, TypeError or ValueError where it is none."""
        tables = value["jpeg_tables"]
        return cls(
            format=str(value["format"]),
            mode=str(value["mode"]),
            width=int(value["width"]),
            height=int(value["height"]),
            n_frames=int(value["n_frames"]),
            orientation=int(value["orientation"]),
            turn=int(value["turn"]),
            warnings=tuple(str(warning) for warning in value["warnings"]),
            jpeg_tables=tuple(tuple(map(int, table)) for table in tables) if tables else None,
        )


@dataclass(frozen=True)
class Decoded:
    """Pixels uint8 [H, W, 3], sRGB, upright; and what the header said."""

    pixels: NDArray[np.uint8]
    header: Header


class _Deadline:
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


class DecodeProcess:
    """One child process that decodes one image at a time."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        self._child = subprocess.Popen(
            [sys.executable, "-P", str(_DECODER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.alive = True
        self.served = 0  # images this process was asked for

    def decode(self, data: bytes, limits: dict[str, Any]) -> Decoded:
        """Decode `data` within `limits`; raises `DecodeError`, of which `DecoderDied` and a timeout end the process."""
        self.served += 1
        deadline = _Deadline(limits["seconds"], self._child.kill)
        try:
            with deadline:
                self._send(b"Q", json.dumps(limits).encode())
                self._send(b"B", data)
                return self._receive(limits)
        except (OSError, EOFError, ValueError, KeyError, TypeError, struct.error) as error:
            self.close()
            if deadline.passed:
                raise DecodeError(
                    f"took longer than {limits['seconds']:g} s to decode; make it smaller"
                ) from error
            raise DecoderDied(
                "made the decoder stop; it is damaged or hostile, use an intact copy"
            ) from error
        except DecodeError:
            raise
        except BaseException:  # Ctrl-C: the pipes now hold half a conversation
            self.close()
            raise
        finally:
            if deadline.passed and self.alive:
                self.close()  # the deadline passed as the last byte came

    def _send(self, kind: bytes, data: bytes) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(struct.pack(">cI", kind, len(data)))
        self._child.stdin.write(data)
        self._child.stdin.flush()

    def _read(self, n_bytes: int) -> bytes:
        assert self._child.stdout is not None
        data = self._child.stdout.read(n_bytes)
        if len(data) < n_bytes:
            raise EOFError
        return data

    def _frame(self, max_bytes: int) -> tuple[bytes, bytes]:
        kind, n_bytes = struct.unpack(">cI", self._read(5))
        if n_bytes > max_bytes:
            raise ValueError("frame larger than what was declared")
        return kind, self._read(n_bytes)

    def _receive(self, limits: dict[str, Any]) -> Decoded:
        kind, data = self._frame(_MAX_HEADER_BYTES)
        if kind == b"E":
            raise DecodeError(data.decode("utf-8", "replace"))
        if kind != b"H":
            raise ValueError("no header")
        header = Header.checked(json.loads(data))
        width, height = header.width, header.height
        if not (min(width, height) > 0 and width * height <= limits["max_pixels"]):
            raise ValueError("not within the limits")
        stored, pixels = _upright(width, height, header.turn)
        row = 0
        while True:
            kind, data = self._frame((height - row) * width * 3)
            if kind == b"E":
                raise DecodeError(data.decode("utf-8", "replace"))
            if kind == b"D":
                break
            rows = len(data) // (width * 3)
            stored[row : row + rows] = np.frombuffer(data, np.uint8).reshape(rows, width, 3)
            row += rows
        if row != height:
            raise ValueError("rows are missing")
        return Decoded(pixels, header)

    def close(self) -> None:
        """Kill the child and collect it."""
        self.alive = False
        self._child.kill()
        self.let_go()
        self._child.wait()

    def let_go(self) -> None:
        """Close this side of the pipes."""
        for pipe in (self._child.stdin, self._child.stdout):
            with contextlib.suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()


def _upright(width: int, height: int, turn: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An upright array [H', W', 3], and its view in stored order [height, width, 3] (EXIF 2.32, tag 274)."""
    shape = (width, height, 3) if turn >= 5 else (height, width, 3)
    pixels = np.empty(shape, np.uint8)
    stored = pixels.swapaxes(0, 1) if turn >= 5 else pixels
    # For each orientation: whether stored rows run upwards, and stored columns leftwards, in the upright picture.
    rows_back, columns_back = {2: (0, 1), 3: (1, 1), 4: (1, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}.get(
        turn, (0, 0)
    )
    return stored[:: -1 if rows_back else 1, :: -1 if columns_back else 1], pixels


_idle: list[DecodeProcess] = []
_lock = threading.Lock()


def decode_apart(data: bytes, limits: dict[str, Any]) -> Decoded:
    """Decode in an idle process or a new one; raises `DecodeError`.

    A process that had served before and died may have died of something else (memory taken by others, say), so its
    image gets a second, new process; that one's word is final.
    """
    with _borrowed() as process:
        try:
            return process.decode(data, limits)
        except DecoderDied:
            if process.served == 1:
                raise
    with _borrowed(DecodeProcess()) as process:
        return process.decode(data, limits)


@contextlib.contextmanager
def _borrowed(process: DecodeProcess | None = None) -> Iterator[DecodeProcess]:
    """An idle decoding process, or a new one; afterwards it is idle unless it was killed."""
    if process is None:
        with _lock:
            process = _idle.pop() if _idle else None
    if process is None:
        process = DecodeProcess()
    try:
        yield process
    finally:
        if process.alive:
            with _lock:
                _idle.append(process)


def close_all() -> None:
    """End the idle decoding processes; the next image starts a new one."""
    with _lock:
        idle, _idle[:] = _idle[:], []
    for process in idle:
        process.close()


def _forget_after_fork() -> None:
    """A forked child must not talk to its parent's decoders: it closes its copies of the pipes and starts its own."""
    global _lock
    _lock = threading.Lock()
    for process in _idle:
        process.let_go()
    _idle.clear()


atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
