"""A disk that is full at the k-th write, for every k: one line, exit code 2, nothing half-written, and resumable."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from forensics import cli

COMMANDS: dict[str, Callable[[Path, Path], list[str]]] = {
    "generate": lambda out, _: ["generate", str(out), "--network", "own-64", "--seeds", "0-2"],
    "walk": lambda out, _: ["walk", str(out), "--generator", "own-64", "-n", "3", "--walks", "2"],
    "study": lambda out, _: ["study", "latent", "own-64", "--dim", "3", "--out", str(out)],
    "generate-corpus": lambda out, photographs: [
        "generate-corpus", str(out), "-n", "2", "--generator", "own-64", "--real", str(photographs),
    ],
    "rebuilt": lambda out, photographs: [
        "generate-corpus", str(out), "-n", "2", "--recipe", "rebuilt", "--real", str(photographs),
    ],
    "faces": lambda out, photographs: [
        "faces", str(photographs), "--out", str(out / "faces.csv"), "--pack", "scrfd_mbf",
        "--pack-root", str(photographs.parent / "insightface"),
    ],
    "train": lambda out, photographs: [
        "train", str(out), "--preset", "tiny-16", "--data", str(photographs), "--kimg", "0.02",
    ],
}  # fmt: skip
# Training writes down how long it took.
TIMED = ("training.csv", "speed.csv", "curves.png", "training.html", "training-state.safetensors")


@pytest.fixture
def photographs(shared: Path, tmp_path: Path) -> Path:
    """A tree of four photographs and four fakes; the folder of the photographs."""
    for source, target in (("val/real", "real"), ("val/stylegan2", "fake_stylegan2")):
        (tmp_path / "tree" / target).mkdir(parents=True)
        for path in sorted((shared / "data/faces256" / source).iterdir())[:4]:
            shutil.copy(path, tmp_path / "tree" / target)
    (tmp_path / "tree" / "insightface").symlink_to(shared / "data/insightface")
    return tmp_path / "tree" / "real"


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["forensics", *words])
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def content(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): b"" if p.name in TIMED else p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file()
    }


def fails_at(k: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the k-th write to the disk fail; the list grows with every one."""
    written: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        written.append(handle)
        if len(written) == k:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return written


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_at_any_write(
    name: str,
    tmp_path: Path,
    photographs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def words(out: Path) -> list[str]:
        return COMMANDS[name](out, photographs)

    # The first run also writes what is remembered of the network.
    assert run(words(tmp_path / "first"), monkeypatch) == 0
    with monkeypatch.context() as patched:
        writes = fails_at(-1, patched)
        assert run(words(tmp_path / "whole"), patched) == 0
    expected = content(tmp_path / "whole")
    assert len(writes) >= 2
    for k in range(1, len(writes) + 1):
        out = tmp_path / f"full-{k}"
        with monkeypatch.context() as patched:
            fails_at(k, patched)
            capsys.readouterr()
            assert run(words(out), patched) == 2, k
            said = capsys.readouterr().err
            assert "no space left on device" in said.lower()
            assert "Traceback" not in said
        # What holds finished rows for the next run (faces.csv.part) stays; a half-written file does not.
        assert not [path for path in content(out) if Path(path).match(".*.part")]
        assert run(words(out), monkeypatch) == 0, k
        assert content(out).keys() == expected.keys()
        assert {n for n, data in content(out).items() if data != expected[n]} == set()
