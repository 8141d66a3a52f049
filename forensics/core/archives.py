"""The one door for untrusted archives: bounded by what comes out of them, not by what they declare.

A member is decompressed in blocks and counted, so a directory that lies about sizes gains nothing. Only stored and
deflated members are read: bz2 and LZMA can ask for far more memory than their output.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

from forensics.core.errors import ForensicsError
from forensics.core.terminal import printable

_BLOCK_BYTES: Final = 1 << 18
_METHODS: Final = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}
_ENCRYPTED_FLAG: Final = 0x1
# All that zipfile raises for damage: found by mutating archives.
_DAMAGE: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, ValueError, EOFError, OSError,
    LookupError, TypeError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may cost: members, bytes of one member and of all that is read, growth over the file's size."""

    members: int = 1_000_000
    member_bytes: int = 1 << 30
    total_bytes: int = 64 << 30
    growth: float = 200.0
    slack_bytes: int = 1 << 20
    name_characters: int = 1_000


class Archive:
    """An open zip archive. `names`: members in the order of the directory, folders left out."""

    def __init__(
        self,
        archive: zipfile.ZipFile,
        path: Path,
        n_bytes: int,
        limits: ArchiveLimits,
        error: type[ForensicsError],
    ) -> None:
        self._archive, self._limits, self._error = archive, limits, error
        self._label, self._n_bytes, self._spent = printable(path), n_bytes, 0
        self._members = self._checked(archive.infolist())

    @property
    def names(self) -> Collection[str]:
        """Names of the members, each once, none of which leaves the folder that it would be unpacked into."""
        return self._members.keys()

    def read(self, name: str, max_bytes: int | None = None) -> bytes:
        """The content of a member, decompressed within the limits. Raises the archive's error, one line."""
        info = self._members.get(name)
        if info is None:
            raise self._error(f"{self._label}: holds no {printable(name)}")
        limit = min(self._limits.member_bytes, self._left(), max_bytes or self._limits.member_bytes)
        content = bytearray()
        try:
            with self._archive.open(info) as member:
                while block := member.read(_BLOCK_BYTES):
                    content += block
                    if len(content) > limit:
                        raise self._error(
                            f"{self._label}: {printable(name)} unpacks to more than {limit} bytes"
                        )
        except _DAMAGE as damage:
            raise self._error(f"{self._label}: {printable(name)} is damaged ({_reason(damage)})") from damage
        self._spent += len(content)
        return bytes(content)

    def _left(self) -> int:
        allowed = min(
            self._limits.total_bytes, int(self._limits.growth * self._n_bytes) + self._limits.slack_bytes
        )
        return max(allowed - self._spent, 0)

    def _checked(self, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        if len(infos) > self._limits.members:
            raise self._error(f"{self._label}: {len(infos)} members, and the limit is {self._limits.members}")
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            if info.filename.endswith("/"):
                continue
            if reason := self._unfit(info):
                raise self._error(f"{self._label}: refused, {printable(info.orig_filename[:80])} {reason}")
            if info.filename in members:
                raise self._error(f"{self._label}: refused, {printable(info.filename[:80])} is in it twice")
            members[info.filename] = info
        return members

    def _unfit(self, info: zipfile.ZipInfo) -> str:
        """Why a member is refused; "" where it is not."""
        name = info.orig_filename
        place = PurePosixPath(info.filename)
        if len(name) > self._limits.name_characters:
            return f"has a name of {len(name)} characters"
        if "\\" in name or "\0" in name or place.is_absolute() or ".." in place.parts or not place.parts:
            return "has no name, or one that leaves the archive's folder"
        if stat.S_ISLNK(info.external_attr >> 16):
            return "is a link"
        if info.flag_bits & _ENCRYPTED_FLAG:
            return "is encrypted"
        return "" if info.compress_type in _METHODS else "is neither stored nor deflated"


@contextmanager
def open_archive(
    source: bytes | BinaryIO,
    path: Path,
    limits: ArchiveLimits | None = None,
    error: type[ForensicsError] = ForensicsError,
) -> Iterator[Archive]:
    """The zip archive in `source`, bytes or a stream that `open_untrusted` opened; `path` names it in errors.

    Raises `error`, one line, where it is damaged, or holds what its limits do not allow.
    """
    stream: Any = io.BytesIO(source) if isinstance(source, bytes) else source
    n_bytes = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    try:
        archive = zipfile.ZipFile(stream)
    except _DAMAGE as damage:
        raise error(f"{printable(path)}: damaged zip archive ({_reason(damage)}); fetch it again") from damage
    with archive:
        yield Archive(archive, path, n_bytes, limits or ArchiveLimits(), error)


def _reason(error: Exception) -> str:
    return printable(str(error).splitlines()[0] if str(error) else type(error).__name__)[:120]
