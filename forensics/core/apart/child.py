"""The side that touches the hostile bytes: it may be killed at any moment.

A program is a folder whose `__main__.py` calls `serve`. It writes no file; the kernel holds it to the address space and
CPU seconds of each request.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any

Send = Callable[[bytes, bytes | memoryview], None]
Handle = Callable[[Any, bytes, Send], None]
Sentence = Callable[[Exception, Any], str]


class Refused(Exception):
    """The work is not done; the text says why, without the file's name."""


def serve(handle: Handle, sentence: Sentence, whose: str) -> None:
    """Work until stdin closes: `handle(request, data, send)` for each piece, then `D`; or `E` with a sentence.

    `request` holds at least `memory_bytes` and `seconds`. `sentence` turns any other exception of `handle` into one.
    `whose`: what the memory is given to, as "an image".
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)  # a C library that prints must not write into the frames
    while request := _read(source):
        data = _read(source)
        if data is None:
            return
        asked = json.loads(request)
        answer(asked, partial(handle, asked, data), (sender(sink), sentence, whose))
        del data
        sink.flush()


def sender(sink: IO[bytes]) -> Send:
    """What writes a frame of a kind to `sink`."""

    def send(kind: bytes, content: bytes | memoryview) -> None:
        sink.write(struct.pack(">cI", kind, len(content)))
        sink.write(content)

    return send


def answer(request: Any, handle: Callable[[Send], None], how: tuple[Send, Sentence, str]) -> None:
    """Send what `handle` sends, within the bounds of `request`, then `D`; or `E` with a sentence."""
    send, sentence, whose = how
    try:
        _bound(request)
        handle(send)
    except Refused as refusal:
        send(b"E", str(refusal).encode("utf-8", "replace"))
    except MemoryError:
        mib = request["memory_bytes"] >> 20
        send(b"E", f"needs more than the {mib} MiB of memory {whose} is given; make it smaller".encode())
    except Exception as error:  # a decoder raises whatever it likes; each is this one file's fault
        send(b"E", sentence(error, request).encode("utf-8", "replace"))
    else:
        send(b"D", b"")


def _read(source: IO[bytes]) -> bytes | None:
    head = source.read(5)
    if len(head) < 5:
        return None
    return source.read(struct.unpack(">cI", head)[1])


def _bound(request: Any) -> None:
    """Give the kernel this request's limits: address space, and CPU seconds on top of those already used."""
    if sys.platform == "win32":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + request["seconds"]) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    memory = request["memory_bytes"] + (_address_space_bytes() if request.get("beyond_now") else 0)
    resource.setrlimit(
        resource.RLIMIT_AS, (memory if hard == resource.RLIM_INFINITY else min(memory, hard), hard)
    )
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _address_space_bytes() -> int:
    """What this process has mapped, in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")
