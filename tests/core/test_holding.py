"""Two processes in one place: the second says so in one line, and the first goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from forensics.core.errors import ForensicsError
from forensics.core.outputs import hold_file, hold_folder
from forensics.studies.store import PartStore

_PROGRAM = """
import sys
from pathlib import Path
from forensics.core import outputs
hold = getattr(outputs, sys.argv[1])(Path(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_elsewhere(how: str, place: Path) -> Iterator[None]:
    """Another process holds `place` by that function."""
    child = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, how, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == b"held\n"
        yield
    finally:
        child.kill()
        child.communicate()


def test_a_held_folder_is_refused_until_the_other_has_ended(tmp_path: Path) -> None:
    with held_elsewhere("hold_folder", tmp_path / "out"):
        with pytest.raises(ForensicsError, match=r"out: another process is at work there; wait for it"):
            hold_folder(tmp_path / "out")
        with pytest.raises(ForensicsError, match="another process is at work there"):
            PartStore(tmp_path / "out").hold({"seed": 0})
    with hold_folder(tmp_path / "out"), hold_folder(tmp_path / "out"):  # this process may go on in it
        assert list((tmp_path / "out").iterdir()) == []


def test_a_place_is_let_go_when_its_last_hold_ends(tmp_path: Path) -> None:
    first, second = hold_folder(tmp_path), hold_folder(tmp_path)
    first.close()
    with pytest.raises(AssertionError), held_elsewhere("hold_folder", tmp_path):
        pass
    del second
    with held_elsewhere("hold_folder", tmp_path):
        pass


def test_a_held_file_is_refused_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    with (
        held_elsewhere("hold_file", tmp_path / "faces.csv"),
        pytest.raises(ForensicsError, match=r"faces\.csv: another process is at work there"),
    ):
        hold_file(tmp_path / "faces.csv")
    with hold_file(tmp_path / "faces.csv"), hold_file(tmp_path / "other.csv"):
        assert list(tmp_path.iterdir()) == []
