"""What torch.save writes: a zip archive with one pickle and one entry a storage, or the older stream.

The archive is read with bounds of its own: flat names inside one folder, no more uncompressed bytes than a small
multiple of the file, every storage exactly as long as the pickle declares.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints.checkpoint import quoted
from forensics.generators.checkpoints.pickles import legacy_storage
from forensics.generators.checkpoints.pickles.records import Malformed, Storage
from forensics.generators.checkpoints.pickles.unpickler import Effort, Unpickler

_ZIP_MAGIC = b"PK\x03\x04"
_MAX_ENTRIES = 100_000
_MAX_GROWTH = 4  # weights hardly compress; torch.save does not try
_SLACK_BYTES = 1 << 20
_NAME = re.compile(
    r"(?P<folder>[^/\\:]{1,255})/(data\.pkl|data/[A-Za-z0-9_]{1,64}|version|byteorder"
    r"|\.format_version|\.storage_alignment|\.data/serialization_id)"
)
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError, EOFError, OSError)


def is_torch_zip(data: bytes) -> bool:
    """Whether `data` begins as a zip archive."""
    return data.startswith(_ZIP_MAGIC)


def is_torch_legacy(data: bytes) -> bool:
    """Whether `data` begins with the magic number of torch.save before 1.6."""
    return data.startswith(legacy_storage.PREFIX)


def load_torch_legacy(path: Path, data: bytes) -> Any:
    """The object of an old torch.save stream, as records. Raises CheckpointError."""
    effort = Effort.for_file(len(data))
    try:
        return legacy_storage.parse_object(data, lambda resolve: Unpickler(str(path), effort, resolve))
    except Malformed as error:
        raise CheckpointError(f"{path}: damaged torch.save stream: {error}") from error


def load_torch_zip(path: Path, data: bytes) -> Any:
    """The object of a torch.save archive, as records. Raises CheckpointError."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _Archive(path, data, archive).load()
    except CheckpointError:
        raise
    except _BAD_ZIP as error:
        raise CheckpointError(f"{path}: damaged zip archive ({quoted(error)}); fetch it again") from error


class _Archive:
    """One torch.save archive whose directory has been checked."""

    def __init__(self, path: Path, data: bytes, archive: zipfile.ZipFile) -> None:
        self.path, self.archive = path, archive
        self.effort = Effort.for_file(len(data))
        self.entries = self._checked(archive.infolist(), len(data))
        self.folder = next(iter(self.entries)).split("/", 1)[0]
        self.big_endian = self._small("byteorder") == b"big"
        self.storages: dict[str, Storage] = {}

    def load(self) -> Any:
        pickle = self.read("data.pkl")
        value, end = Unpickler(str(self.path), self.effort, self._storage).load(pickle)
        if end != len(pickle):
            raise CheckpointError(f"{self.path}: {len(pickle) - end} bytes after the end of its pickle")
        return value

    def read(self, name: str) -> bytes:
        entry = self.entries.get(f"{self.folder}/{name}")
        if entry is None:
            raise CheckpointError(f"{self.path}: a zip archive without {name}; torch.save did not write it")
        data = self.archive.read(entry)
        if len(data) != entry.file_size:
            raise CheckpointError(f"{self.path}: {name} is shorter than the archive says; it is damaged")
        return data

    def _small(self, name: str) -> bytes:
        return self.read(name)[:16] if f"{self.folder}/{name}" in self.entries else b""

    def _storage(self, pid: Any) -> Storage:
        dtype, key, numel = legacy_storage.storage_id(pid)
        known = self.storages.get(key)
        if known is None:
            entry = self.entries.get(f"{self.folder}/data/{key}")
            declared = numel * dtype.itemsize
            if entry is None or entry.file_size != declared:
                held = "none" if entry is None else str(entry.file_size)
                raise Malformed(f"storage {key} of {declared} bytes, and the archive holds {held}")
            data = memoryview(self.read(f"data/{key}"))
            known = self.storages[key] = Storage(dtype, numel, data, self.big_endian)
        if (known.dtype, known.numel) != (dtype, numel):
            raise Malformed("one storage declared in two ways")
        return known

    def _checked(self, infos: list[zipfile.ZipInfo], n_bytes: int) -> dict[str, zipfile.ZipInfo]:
        """The entries by name, after refusing what torch.save does not write."""
        if not infos or len(infos) > _MAX_ENTRIES:
            raise CheckpointError(f"{self.path}: a zip archive of {len(infos)} entries; not a weights file")
        entries: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            name = info.orig_filename
            match = _NAME.fullmatch(name)
            if match is None or match["folder"] in (".", "..") or name != info.filename:
                raise CheckpointError(
                    f"{self.path}: refused, its zip archive holds {quoted(name)!r}, which torch.save does not write"
                )
            if info.filename in entries:
                raise CheckpointError(f"{self.path}: refused, {quoted(name)} is in its zip archive twice")
            entries[info.filename] = info
        if len({name.split("/", 1)[0] for name in entries}) != 1:
            raise CheckpointError(f"{self.path}: refused, its zip archive holds more than one folder")
        total = sum(info.file_size for info in infos)
        if total > _MAX_GROWTH * n_bytes + _SLACK_BYTES:
            raise CheckpointError(
                f"{self.path}: refused, its {n_bytes} bytes would unpack to {total}: a zip bomb, not weights"
            )
        return entries
