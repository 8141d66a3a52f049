"""Training data made to exhaust or mislead: zip archives and lists of what to leave out, a function a kind."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tools.robustness.hostile.corpora import replaced_by_pipe
from tools.robustness.hostile.weights import lying

Writer = Callable[[Path], None]
ARCHIVES: Final[dict[str, Writer]] = {}


def archive_kind(writer: Writer) -> Writer:
    """Enter a function that writes one archive under its name."""
    ARCHIVES[writer.__name__] = writer
    return writer


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """The bytes of a zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return stream.getvalue()


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that says it has this size; its data are what they are."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@archive_kind
def a_pipe(path: Path) -> None:
    """A FIFO with the name of an archive."""
    path.touch()
    replaced_by_pipe(path)


@archive_kind
def a_device(path: Path) -> None:
    """A link to an endless device."""
    path.symlink_to("/dev/zero")


@archive_kind
def a_link_to_nothing(path: Path) -> None:
    """A link to nothing."""
    path.symlink_to(path.with_name("gone"))


@archive_kind
def archive_of_holes(path: Path) -> None:
    """5 GB of holes behind the first bytes of an archive."""
    with path.open("wb") as stream:
        stream.write(b"PK\x03\x04")
        stream.truncate(5_000_000_000)


@archive_kind
def cut_archive(path: Path) -> None:
    """Half an archive."""
    data = zipped({"a.png": os.urandom(5000)})
    path.write_bytes(data[: len(data) // 2])


@archive_kind
def member_that_lies(path: Path) -> None:
    """300 MB of zeros that declare themselves to be 4 bytes."""
    path.write_bytes(lying(zipped({"a.png": bytes(300_000_000)}, zipfile.ZIP_DEFLATED), 4))


@archive_kind
def many_bombs(path: Path) -> None:
    """A thousand members of 3 MB of zeros each."""
    path.write_bytes(zipped({f"{i}.png": bytes(3_000_000) for i in range(1000)}, zipfile.ZIP_DEFLATED))


@archive_kind
def member_in_lzma(path: Path) -> None:
    """A member of 200 MB in LZMA."""
    path.write_bytes(zipped({"a.png": bytes(200_000_000)}, zipfile.ZIP_LZMA))


@archive_kind
def members_that_leave(path: Path) -> None:
    """Members named to lie outside of the folder that they are unpacked into."""
    path.write_bytes(zipped({"../../a.png": png(8, 8)}))


@archive_kind
def member_of_a_long_name(path: Path) -> None:
    """A name of 5,000 characters."""
    path.write_bytes(zipped({"a" * 5000 + ".png": png(8, 8)}))


@archive_kind
def member_with_a_wrong_checksum(path: Path) -> None:
    """A member whose bytes were changed."""
    data = zipped({"a.png": b"x" * 1000})
    path.write_bytes(data.replace(b"x" * 1000, b"x" * 999 + b"y"))


@archive_kind
def version_of_the_far_future(path: Path) -> None:
    """A member that needs version 25.5 of the format."""
    data = bytearray(zipped({"a.png": png(8, 8)}))
    data[4:6] = b"\xff\0"
    at = data.index(b"PK\x01\x02")
    data[at + 6 : at + 8] = b"\xff\0"
    path.write_bytes(bytes(data))


@archive_kind
def encrypted_member(path: Path) -> None:
    """A member that says it is encrypted."""
    data = bytearray(zipped({"a.png": png(8, 8)}))
    data[6] |= 1
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(bytes(data))


@archive_kind
def names_of_no_text(path: Path) -> None:
    """A name whose bytes are no UTF-8, though the archive says they are."""
    data = bytearray(zipped({"\u00e9a.png": png(8, 8)}))
    path.write_bytes(bytes(data).replace("\u00e9".encode(), b"\xff\xfe"))


@archive_kind
def pictures_that_are_bombs(path: Path) -> None:
    """A PNG of 60,000 x 60,000 px, and one of 1 x 60,000."""
    path.write_bytes(
        zipped({"a.png": png(60_000, 60_000, zlib.compress(bytes(10**6))), "b.png": png(1, 60_000)})
    )


@archive_kind
def labels_that_are_none(path: Path) -> None:
    """A dataset.json whose labels are numbers of 300 digits and lists in lists."""
    text = json.dumps({"labels": [["a.png", 10**300], [["b"], 1]]})
    path.write_bytes(zipped({"a.png": b"no picture", "dataset.json": text.encode()}))


@archive_kind
def labels_nested_deeply(path: Path) -> None:
    """A dataset.json of 100,000 brackets."""
    path.write_bytes(zipped({"a.png": b"no picture", "dataset.json": b"[" * 100_000 + b"]" * 100_000}))


@archive_kind
def labels_with_nan(path: Path) -> None:
    """NaN as a label."""
    path.write_bytes(zipped({"a.png": b"no picture", "dataset.json": b'{"labels": [["a.png", NaN]]}'}))
