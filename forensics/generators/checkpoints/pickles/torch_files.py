"""What torch.save writes: a zip archive with one pickle and one entry a storage, or the older stream.

The archive is read with bounds of its own: flat names inside one folder, no more uncompressed bytes than a small
multiple of the file, every storage exactly as long as the pickle declares.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from forensics.core.archives import Archive, ArchiveLimits, open_archive
from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints.checkpoint import quoted
from forensics.generators.checkpoints.pickles import legacy_storage
from forensics.generators.checkpoints.pickles.records import Malformed, Storage
from forensics.generators.checkpoints.pickles.unpickler import Effort, Unpickler

_ZIP_MAGIC = b"PK\x03\x04"
_SLACK_BYTES = 1 << 20
# Weights hardly compress, and torch.save does not try.
_LIMITS = ArchiveLimits(members=100_000, member_bytes=8 << 30, growth=4, slack_bytes=_SLACK_BYTES)
_NAME = re.compile(
    r"(?P<folder>[^/\\:]{1,255})/(data\.pkl|data/[A-Za-z0-9_]{1,64}|version|byteorder"
    r"|\.format_version|\.storage_alignment|\.data/serialization_id)"
)


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
    with open_archive(data, path, _LIMITS, CheckpointError) as archive:
        return _TorchArchive(path, len(data), archive).load()


class _TorchArchive:
    """One torch.save archive whose directory has been checked."""

    def __init__(self, path: Path, n_bytes: int, archive: Archive) -> None:
        self.path, self.archive = path, archive
        self.effort = Effort.for_file(n_bytes)
        self.folder = self._checked(archive.names)
        self.big_endian = self._small("byteorder") == b"big"
        self.storages: dict[str, Storage] = {}

    def load(self) -> Any:
        pickle = self.read("data.pkl")
        value, end = Unpickler(str(self.path), self.effort, self._storage).load(pickle)
        if end != len(pickle):
            raise CheckpointError(f"{self.path}: {len(pickle) - end} bytes after the end of its pickle")
        return value

    def read(self, name: str, max_bytes: int | None = None) -> bytes:
        if f"{self.folder}/{name}" not in self.archive.names:
            raise CheckpointError(f"{self.path}: a zip archive without {name}; torch.save did not write it")
        return self.archive.read(f"{self.folder}/{name}", max_bytes)

    def _small(self, name: str) -> bytes:
        return self.read(name, _SLACK_BYTES)[:16] if f"{self.folder}/{name}" in self.archive.names else b""

    def _storage(self, pid: Any) -> Storage:
        dtype, key, numel = legacy_storage.storage_id(pid)
        known = self.storages.get(key)
        if known is None:
            declared = numel * dtype.itemsize
            data = (
                self.read(f"data/{key}", max(declared, 1))
                if f"{self.folder}/data/{key}" in self.archive.names
                else b""
            )
            if len(data) != declared:
                raise Malformed(f"storage {key} of {declared} bytes, and the archive holds {len(data)}")
            known = self.storages[key] = Storage(dtype, numel, memoryview(data), self.big_endian)
        if (known.dtype, known.numel) != (dtype, numel):
            raise Malformed("one storage declared in two ways")
        return known

    def _checked(self, names: Collection[str]) -> str:
        """The one folder that all members lie in, after refusing what torch.save does not write."""
        for name in names:
            match = _NAME.fullmatch(name)
            if match is None or match["folder"] in (".", ".."):
                raise CheckpointError(
                    f"{self.path}: refused, its zip archive holds {quoted(name)!r}, which torch.save does not write"
                )
        folders = {name.split("/", 1)[0] for name in names}
        if len(folders) != 1:
            raise CheckpointError(
                f"{self.path}: refused, its zip archive holds {len(folders)} folders instead of one"
            )
        return folders.pop()
