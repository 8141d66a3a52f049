"""A disk that is full at the k-th write, for every k: one line, exit code 2, nothing half-written, and resumable."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from forensics import cli

COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "generate": lambda out: ["generate", str(out), "--network", "own-64", "--seeds", "0-2"],
    "walk": lambda out: ["walk", str(out), "--generator", "own-64", "-n", "3", "--walks", "2"],
    "study": lambda out: ["study", "latent", "own-64", "--dim", "3", "--out", str(out)],
}


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["forensics", *words])
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


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
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(COMMANDS[name](tmp_path / "first"), monkeypatch) == 0
    )  # writes what is remembered of the network, too
    with monkeypatch.context() as patched:
        writes = fails_at(-1, patched)
        assert run(COMMANDS[name](tmp_path / "whole"), patched) == 0
    expected = content(tmp_path / "whole")
    assert len(writes) >= 2
    for k in range(1, len(writes) + 1):
        out = tmp_path / f"full-{k}"
        with monkeypatch.context() as patched:
            fails_at(k, patched)
            capsys.readouterr()
            assert run(COMMANDS[name](out), patched) == 2, k
            said = capsys.readouterr().err
            assert "no space left on device" in said.lower()
            assert "Traceback" not in said
        assert not [path for path in content(out) if path.endswith(".part")] if out.exists() else True
        assert run(COMMANDS[name](out), monkeypatch) == 0, k
        assert content(out).keys() == expected.keys()
        assert {n for n, data in content(out).items() if data != expected[n]} == set()
