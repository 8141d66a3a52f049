"""Parts made by several processes: errors come back, Ctrl-C ends all at once and leaves no line behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from forensics.core.errors import ForensicsError
from forensics.report.rows import Row
from forensics.studies.contract import Part, Study, Summary
from forensics.studies.machine import complete


@dataclass(frozen=True)
class SquareRow(Row):
    number: int
    square: float


@dataclass(frozen=True)
class NumberPart(Part[SquareRow]):
    kind: ClassVar[str] = "number"
    row: ClassVar[type[Row]] = SquareRow
    number: int


@dataclass(frozen=True)
class Squares(Study[Summary]):
    """The squares of numbers, each after `pause_s`; no square of `wrong`."""

    title: ClassVar[str] = "squares"
    out: Path
    count: int
    pause_s: float = 0.0
    wrong: int | None = None

    def conditions(self) -> Mapping[str, object]:
        return {"count": self.count}

    def parts(self) -> list[NumberPart]:
        return [NumberPart(i) for i in range(self.count)]

    def run(self, part: NumberPart) -> Sequence[Row]:  # type: ignore[override]
        time.sleep(self.pause_s)
        if part.number == self.wrong:
            raise ForensicsError(f"{part.number} has no square")
        return [SquareRow(part.number, float(part.number**2))]

    def page(self) -> Summary:
        rows = self.all_rows(self.parts())
        return Summary(str(self.out), " ".join(str(row.square) for row in rows))


def test_processes_make_what_one_makes_and_only_what_is_missing(tmp_path: Path) -> None:
    alone, two = (complete(Squares(tmp_path / str(n), 5), workers=n) for n in (1, 2))
    assert alone.report == two.report == "0.0 1.0 4.0 9.0 16.0"
    store = Squares(tmp_path / "2", 5).store
    before = {path: path.stat().st_mtime_ns for path in store.folder.glob("number-*")}
    store.path(NumberPart(1)).unlink()
    store.path(NumberPart(3)).write_text("[{", encoding="utf-8")  # torn: made again
    assert complete(Squares(tmp_path / "2", 5)).report == two.report
    changed = {path.name for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert changed == {"number-00001.json", "number-00003.json"}


def test_other_conditions_are_named_with_their_values(tmp_path: Path) -> None:
    complete(Squares(tmp_path, 2))
    with pytest.raises(ForensicsError, match="count: 2, not 3"):
        complete(Squares(tmp_path, 3))


def test_an_error_in_a_worker_comes_back_and_what_was_done_stays(tmp_path: Path) -> None:
    with pytest.raises(ForensicsError, match="2 has no square"):
        complete(Squares(tmp_path, 4, wrong=2), workers=2)
    assert complete(Squares(tmp_path, 4)).report == "0.0 1.0 4.0 9.0"


def test_ctrl_c_ends_all_processes_at_once_without_a_word(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from forensics import cli
from forensics.studies.machine import complete
from tests.studies.test_machine import Squares
cli.app = lambda: complete(Squares(Path({str(tmp_path)!r}), 8, pause_s=60.0), workers=2)
cli.main()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while len(workers_of(process.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, words = process.communicate(timeout=60)
    assert time.monotonic() - began < 4  # 2 s on a machine that does nothing else
    assert process.returncode == 130
    assert words == "interrupted\n"


def workers_of(pid: int) -> list[str]:
    """Process ids of the workers of a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    pids = children.read_text().split() if children.is_file() else []
    commands = {each: Path(f"/proc/{each}/cmdline").read_bytes() for each in pids}
    return [each for each, command in commands.items() if b"spawn_main" in command]
