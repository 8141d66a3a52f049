"""The door for untrusted bytes: what is no file, too large, made of holes or no honest JSON is one line."""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.core.errors import CorpusError, ForensicsError
from forensics.core.untrusted import parse_json, read_json, read_untrusted


def test_a_file_is_read_and_hashed_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc" * 700_000)
    content = read_untrusted(path, 1 << 22)
    assert content.data == path.read_bytes()
    assert content.sha256 == hashlib.sha256(content.data).hexdigest()


def test_an_empty_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert read_untrusted(tmp_path / "empty", 0).data == b""


def test_too_large_is_said_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * 11)
    with pytest.raises(ForensicsError, match="11 bytes, and the limit is 10"):
        read_untrusted(path, 10)


def test_holes_are_no_data(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.truncate(5 << 30)
    with pytest.raises(CorpusError, match="holes"):
        read_untrusted(path, 8 << 30, CorpusError)


@pytest.mark.timeout(5)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))
    for path in (*(tmp_path / name for name in ("fifo", "socket", "round")), tmp_path, Path("/dev/zero")):
        with pytest.raises(ForensicsError, match=r"not a file|is a folder|cannot be read"):
            read_untrusted(path, 1 << 20)
    with pytest.raises(ForensicsError, match="is a link to nothing"):
        read_untrusted(tmp_path / "dangling", 1 << 20)
    with pytest.raises(ForensicsError, match="no such file"):
        read_untrusted(tmp_path / "absent", 1 << 20)
    with pytest.raises(ForensicsError, match="cannot be read"):
        read_untrusted(Path("a\0b"), 1 << 20)
    with pytest.raises(ForensicsError, match="cannot be read"):
        read_untrusted(tmp_path / ("n" * 5000), 1 << 20)
    listening.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[NaN]", "NaN"),
        ("[-Infinity]", "Infinity"),
        ("[1e999]", "not finite"),
        ('{"a": 1, "a": 2}', "twice"),
        ("[" * 100_000 + "]" * 100_000, "too deeply"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "too deeply"),
        ("9" * 401, "digits"),
        ('["\\ud800"]', "UTF-8"),
        ("{", "no JSON"),
    ],
)
def test_json_that_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(text)


def test_json_of_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"\xff{}")
    with pytest.raises(ForensicsError, match=r"state\.json: holds text that is not UTF-8"):
        read_json(path)
    path.write_text('{"a": [1, 2.5, "\\ud83d\\ude00"]}')
    assert read_json(path) == {"a": [1, 2.5, "\U0001f600"]}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_value_error(data: bytes) -> None:
    with suppress(ValueError):
        parse_json(data)
