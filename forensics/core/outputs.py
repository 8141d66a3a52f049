"""Whether a result can be written where it is to go, and by nobody else meanwhile: found out before the work begins."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import ClassVar, Final

from forensics.core.errors import ForensicsError
from forensics.core.files import sha256_bytes, try_lock
from forensics.core.home import home_folder
from forensics.core.terminal import printable

_PROBE_BYTES: Final = 1 << 16  # a disk that has no room for this has none for a result


def check_folder(folder: Path) -> Path:
    """`folder`, which a result can be written to, there or not yet. ForensicsError, one line, where it cannot."""
    if folder.exists() and not folder.is_dir():
        raise ForensicsError(f"{printable(folder)}: is a file; name a folder")
    _probe(folder, folder)
    return folder


def check_file(file: Path) -> Path:
    """`file`, which a result can be written to, there or not yet. ForensicsError, one line, where it cannot."""
    if file.is_dir():
        raise ForensicsError(f"{printable(file)}: is a folder; name a file")
    _probe(file, file.parent)
    return file


class Hold:
    """A place that this process holds against others, until `close`, the end of its `with`, or its own end.

    Several holds of one place in one process are one: the last that goes lets it go.
    """

    _handles: ClassVar[dict[tuple[int, int], int]] = {}
    _counts: ClassVar[Counter[tuple[int, int]]] = Counter()
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, lock: Path, place: Path) -> None:
        """Raises ForensicsError, one line, where another process holds the place."""
        self._identity: tuple[int, int] | None = None
        if os.name == "nt":
            return
        state = lock.stat()
        identity = (state.st_dev, state.st_ino)
        with self._lock:
            if identity not in self._handles:
                handle = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
                if not try_lock(handle):
                    os.close(handle)
                    raise ForensicsError(
                        f"{printable(place)}: another process is at work there; wait for it, or name another place"
                    )
                self._handles[identity] = handle
            self._counts[identity] += 1
            self._identity = identity

    def close(self) -> None:
        """Let the place go."""
        identity, self._identity = self._identity, None
        if identity is None:
            return
        with self._lock:
            self._counts[identity] -= 1
            if not self._counts[identity]:
                os.close(self._handles.pop(identity))

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def hold_folder(folder: Path) -> Hold:
    """Hold `folder`, made where it is missing: two processes would undo each other's files.

    Raises ForensicsError, one line, where another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return Hold(folder, folder)


def hold_file(file: Path) -> Hold:
    """The same for a file that grows bit by bit; what is locked lies in the toolkit's own folder, not beside it."""
    locks = home_folder() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    lock = locks / sha256_bytes(str(file.absolute()).encode("utf-8", "surrogateescape"))[:32]
    lock.touch()
    return Hold(lock, file)


def _probe(place: Path, folder: Path) -> None:
    """Write and drop a nameless file in `folder`, or in the nearest folder above it that is there."""
    try:
        there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
        with tempfile.TemporaryFile(dir=there) as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        reason = error.strerror or str(error)
        raise ForensicsError(
            f"{printable(place)}: cannot be written to ({reason}); name another place"
        ) from error
