"""Loops, FIFOs, dangling links and odd names in the place of an image file: one line each, and nothing waits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from forensics.core.errors import ImageError
from forensics.images import ImageFailure, decode, decode_many, find_images
from tests.images.fresh_process import outcome


def test_loops_of_folders_are_one_line_each(tmp_path: Path, shared: Path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/back").symlink_to(tmp_path / "a")
    (tmp_path / "a/self").symlink_to(tmp_path / "a/self")
    (tmp_path / "a/self.jpg").symlink_to(tmp_path / "a/self.jpg")
    (tmp_path / "a/face.png").symlink_to(shared / "data/faces256/val/real/0000.png")
    messages, _ = outcome(tmp_path)
    assert sorted(m.split(": ")[0] for m in messages) == [
        str(tmp_path / "a/b/back"),
        str(tmp_path / "a/self.jpg"),
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "dangling.png").symlink_to("nowhere.png")
    for name, expected in {
        "fifo.jpg": "is not a file",
        "dangling.png": "is a link to nothing",
        "gone.gif": "no such file",
        "x\0y.png": "cannot be read",
    }.items():
        with pytest.raises(ImageError, match=expected):
            decode(tmp_path / name)
    with pytest.raises(ImageError, match="is a folder"):
        decode(tmp_path / "folder.jpg")
    with pytest.raises(ImageError, match="is not a file"):
        decode(Path("/dev/zero"))
    messages, _ = outcome(tmp_path)
    assert len(messages) == 2


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch):
    good = shared / "data/faces256/val/real/0000.png"
    secret = tmp_path / "secret.png"
    secret.write_bytes(good.read_bytes())
    really_open = os.open

    def refusing(path: object, *rest: object, **named: object) -> int:
        if path == secret:
            raise PermissionError(13, "Permission denied")
        return really_open(path, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refusing)
    first, second = decode_many([secret, good])
    assert isinstance(first, ImageFailure)
    assert first.message == f"{secret}: cannot be read (Permission denied); check its permissions"
    assert not isinstance(second, ImageFailure)


@pytest.mark.parametrize(
    "name", ["two\nlines.jpg", "<script>alert(1)<.png", "\x1b[31mred.gif", "caf\udce9.jpg"]
)
def test_names_with_control_characters_stay_on_one_line(tmp_path: Path, shared: Path, name: str):
    path = tmp_path / name
    path.write_bytes(b"<html>")
    (message,), _ = outcome(path)
    assert "is not a JPEG" in message
    path.write_bytes((shared / "data/faces256/val/real/0000.png").read_bytes())
    assert find_images([tmp_path]).paths == [path]
    assert decode(path).path == str(path)
