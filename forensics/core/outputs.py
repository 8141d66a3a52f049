"""Whether a result can be written where it is to go, found out before the work begins and not after it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from forensics.core.errors import ForensicsError
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
