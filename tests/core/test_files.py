"""A kill or an error leaves the old file or the new one; equal values give equal bytes; hashes are SHA-256."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forensics.core.files import replacing, sha256_bytes, sha256_file, write_bytes, write_json, write_text


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "result.json"
    path.write_text("old")

    def half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path):
    path = tmp_path / "result.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == path.parent
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["result.txt"]


def test_a_reader_of_the_old_file_goes_on_reading_it(tmp_path: Path):
    path = tmp_path / "result.bin"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_bytes(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"


def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path: Path):
    path = tmp_path / "result.bin"
    old, new = b"o" * (4 << 20), b"n" * (4 << 20)
    code = (
        "import sys; from pathlib import Path; from forensics.core.files import write_bytes\n"
        f"old, new = b'o' * {len(old)}, b'n' * {len(new)}\n"
        "while True: write_bytes(Path(sys.argv[1]), old); write_bytes(Path(sys.argv[1]), new)"
    )
    for wait in (0.0, 0.003, 0.007, 0.013, 0.02):
        child = subprocess.Popen([sys.executable, "-c", code, path])
        while not path.exists() and child.poll() is None:
            time.sleep(0.002)
        time.sleep(wait)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        assert path.read_bytes() in (old, new)
    write_bytes(path, b"after")
    assert path.read_bytes() == b"after"


def test_folders_are_made_and_the_umask_is_kept(tmp_path: Path):
    path = tmp_path / "a/b/c.txt"
    before = os.umask(0o027)
    try:
        write_text(path, "x")
        assert path.stat().st_mode & 0o777 == 0o640
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_line_ends_and_encoding_are_kept(tmp_path: Path):
    write_text(tmp_path / "t", "ä\r\nb\n")
    assert (tmp_path / "t").read_bytes() == b"\xc3\xa4\r\nb\n"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.dictionaries(
        st.text(st.characters(codec="utf-8")), st.integers() | st.text(st.characters(codec="utf-8"))
    )
)
def test_equal_values_give_equal_json(tmp_path: Path, value: dict[str, object]):
    write_json(tmp_path / "a.json", value)
    write_json(tmp_path / "b.json", dict(reversed(list(value.items()))))
    data = (tmp_path / "a.json").read_bytes()
    assert data == (tmp_path / "b.json").read_bytes()
    assert data.endswith(b"}\n")
    assert json.loads(data) == value


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300), repeat=st.sampled_from([1, 7000]))
def test_hashes_are_sha256_whatever_the_size(tmp_path: Path, data: bytes, repeat: int):
    data *= repeat
    (tmp_path / "f").write_bytes(data)
    assert sha256_file(tmp_path / "f") == sha256_bytes(data) == hashlib.sha256(data).hexdigest()


def test_a_target_that_is_a_folder_is_an_error_and_leaves_no_trace(tmp_path: Path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        write_bytes(tmp_path / "taken", b"x")
    assert os.listdir(tmp_path) == ["taken"]
