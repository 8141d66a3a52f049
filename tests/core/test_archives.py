"""The door for untrusted archives: bounded by what is decompressed, whatever the directory declares."""

from __future__ import annotations

import io
import resource
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.core.archives import ArchiveLimits, open_archive
from forensics.core.errors import CorpusError, ForensicsError

PATH = Path("a.zip")


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of `members`."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return stream.getvalue()


def lying(data: bytes, size: int) -> bytes:
    """The same archive, whose headers say that each member unpacks to `size` bytes."""
    changed = bytearray(data)
    for magic, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = changed.find(magic)
        while at >= 0:
            changed[at + offset : at + offset + 4] = struct.pack("<I", size)
            at = changed.find(magic, at + 4)
    return bytes(changed)


def test_members_are_read() -> None:
    with open_archive(packed({"a/b.txt": b"one", "c": b""}), PATH) as archive:
        assert list(archive.names) == ["a/b.txt", "c"]
        assert archive.read("a/b.txt") == b"one"
        assert archive.read("c") == b""
        with pytest.raises(ForensicsError, match="holds no d"):
            archive.read("d")


@pytest.mark.parametrize("declared", [10, 0, 50_000_000])
def test_a_bomb_is_stopped_by_what_comes_out(declared: int) -> None:
    data = lying(packed({"bomb": b"\0" * 50_000_000}), declared)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open_archive(data, PATH, error=CorpusError) as archive, pytest.raises(CorpusError):
        archive.read("bomb", 1 << 20)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # kB


def test_growth_counts_over_all_members() -> None:
    members = {f"m{k}": b"\0" * 1_000_000 for k in range(30)}
    with open_archive(packed(members), PATH, ArchiveLimits(growth=50, slack_bytes=0)) as archive:
        archive.read("m0")
        with pytest.raises(ForensicsError, match="unpacks to more"):
            all(archive.read(name) for name in archive.names)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method: int) -> None:
    with (
        pytest.raises(ForensicsError, match="neither stored nor deflated"),
        open_archive(packed({"a": b"x" * 1000}, method), PATH),
    ):
        pass


@pytest.mark.parametrize("name", ["../up", "/root", "a/../../b", "a\\b", "n" * 5000])
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(ForensicsError, match="refused"), open_archive(packed({name: b"x"}), PATH):
        pass


def test_links_doubles_and_ciphers_are_refused() -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ForensicsError, match="is a link"), open_archive(stream.getvalue(), PATH):
        pass
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", b"2")
    with pytest.raises(ForensicsError, match="twice"), open_archive(stream.getvalue(), PATH):
        pass
    secret = bytearray(packed({"a": b"1"}))
    secret[secret.find(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ForensicsError, match="encrypted"), open_archive(bytes(secret), PATH):
        pass


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_archive_is_read_or_refused(data: st.DataObject) -> None:
    changed = bytearray(packed({"a": b"hello" * 50, "b/c": b"there"}))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ForensicsError), open_archive(bytes(changed), PATH) as archive:
        for name in archive.names:
            archive.read(name)
