"""What cannot be written to is known before the work, and what fails at writing is one line with exit code 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from forensics.core.errors import ForensicsError
from forensics.core.outputs import check_file, check_folder

MAIN = "from forensics.cli import main; main()"
COMMANDS = [
    ["generate-corpus", "OUT"],
    ["walk", "OUT"],
    ["train", "OUT", "--data", "x"],
    ["train-detector", "OUT", "x"],
    ["benchmark", "x", "--out", "OUT"],
    ["faces", "x", "--out", "OUT"],
    ["prune", "own-64", "--out", "OUT"],
    ["prune", "own-64", "--channels", "0.1", "--save", "OUT"],
    ["latent", "own-64", "--out", "OUT"],
    ["study", "weights", "own-64", "--out", "OUT"],
    ["study", "walk", "own-64", "--out", "OUT"],
    ["study", "monsters", "own-64", "--out", "OUT"],
    ["study", "equilibrium", "own-64", "--out", "OUT"],
    ["inspect", "own-64", "--weights", "OUT"],
    ["convert", "own-64", "OUT"],
    ["export", "own-64", "OUT"],
    ["detect", "x", "--report", "OUT"],
    ["explore", "own-64", "--remake", "x", "--out", "OUT"],
    ["demo", "--out", "OUT"],
]


def program(*words: str, limit: str = "") -> subprocess.CompletedProcess[str]:
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit},) * 2); {MAIN}"
        if limit
        else MAIN
    )
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)


def test_what_is_there_or_can_be_made_is_fine_and_nothing_is_left(tmp_path: Path) -> None:
    assert check_folder(tmp_path / "new" / "er") == tmp_path / "new" / "er"
    assert check_file(tmp_path / "new" / "file.html") == tmp_path / "new" / "file.html"
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ForensicsError, match="file: is a file; name a folder"):
        check_folder(tmp_path / "file")
    with pytest.raises(ForensicsError, match="is a folder; name a file"):
        check_file(tmp_path)
    with pytest.raises(ForensicsError, match=r"below: cannot be written to \(Not a directory\)"):
        check_folder(tmp_path / "file" / "below")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a place that nobody can write to")
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_finds_out_before_it_works(words: list[str]) -> None:
    run = program(*(word.replace("OUT", "/proc/nowhere/out.safetensors") for word in words))
    assert run.returncode == 2
    assert run.stdout == ""
    reason = "cannot be written to (No such file or directory); name another place"
    assert run.stderr.splitlines() == [f"error: /proc/nowhere/out.safetensors: {reason}"]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_disk_that_fills_up_is_one_line(tmp_path: Path) -> None:
    out = tmp_path / "converted.safetensors"
    run = program("convert", "own-64", str(out), limit="1 << 20")  # room for the check, not for the file
    assert run.returncode == 2
    assert run.stderr.startswith("error: ")
    assert len(run.stderr.splitlines()) == 1
    assert "File too large" in run.stderr
    assert list(tmp_path.iterdir()) == []
