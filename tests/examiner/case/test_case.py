"""A case: whatever is changed in it is found, and a kill at any byte leaves one that verifies and goes on."""

from __future__ import annotations

import csv
import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from forensics.cli import app
from forensics.core.errors import ForensicsError
from forensics.core.files import sha256_bytes
from forensics.examiner.case.custody import Examining, add_files, add_note, open_case, verify
from forensics.examiner.case.keys import make_key, read_key, read_public
from forensics.examiner.case.log import HEAD, LOG, read_log
from forensics.examiner.case.report import write_report
from forensics.images import encode_png

RUN = CliRunner()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key, and a case with two photographs, a broken file and two notes."""
    from skimage.data import astronaut, chelsea

    top = tmp_path_factory.mktemp("case")
    make_key(top / "key")
    photographs = top / "photographs"
    photographs.mkdir()
    (photographs / "a.png").write_bytes(encode_png(np.ascontiguousarray(astronaut()[30:200, 140:310])))
    (photographs / "=cat.png").write_bytes(encode_png(chelsea()))
    (photographs / "broken.png").write_bytes(b"nothing")
    key = read_key(top / "key")
    open_case(top / "case", key, examiner="A. <b>Example</b>", number="17")
    examiner = Examining("without-clip", pack="none")
    added = add_files(top / "case", key, [photographs], examiner)
    assert len(added.added) == 3
    assert len(added.failures) == 1
    again = add_files(top / "case", key, [photographs], examiner)
    assert (again.added, len(again.known)) == ([], 3)
    add_note(top / "case", key, "first")
    add_note(top / "case", key, "second")
    return top


@pytest.fixture
def case(place: Path, tmp_path: Path) -> Path:
    """A copy to spoil, with its times."""
    return Path(shutil.copytree(place / "case", tmp_path / "case"))


def lines_of(case: Path) -> list[bytes]:
    """The lines of the log."""
    return (case / LOG).read_bytes().splitlines(keepends=True)


def put(case: Path, lines: list[bytes]) -> None:
    """Make these the log."""
    (case / LOG).write_bytes(b"".join(lines))


def stored(case: Path) -> Path:
    """One of the files of a case."""
    return sorted((case / "files").iterdir())[0]


def alter_file(case: Path) -> None:
    """Flip one bit."""
    data = bytearray(stored(case).read_bytes())
    data[-1] ^= 1
    stored(case).write_bytes(data)


def edit_line(case: Path) -> None:
    """Change one word of a note."""
    put(case, [line.replace(b'"text":"first"', b'"text":"other"') for line in lines_of(case)])


def swap_lines(case: Path) -> None:
    """Change the order."""
    lines = lines_of(case)
    put(case, [*lines[:2], lines[3], lines[2], *lines[4:]])


SPOILS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a bit of a file": (alter_file, "was altered"),
    "a file removed": (lambda case: stored(case).unlink(), "is missing"),
    "a file slipped in": (lambda case: (case / "files" / "x").write_bytes(b"x"), "is not in the log"),
    "a line edited": (edit_line, "line 8"),
    "a line removed": (lambda case: put(case, lines_of(case)[:3] + lines_of(case)[4:]), "line 4: has the number 5"),
    "the first line removed": (lambda case: put(case, lines_of(case)[1:]), "line 1: has the number 2"),
    "lines swapped": (swap_lines, "line 3: has the number 4"),
    "the last line cut": (lambda case: put(case, lines_of(case)[:-1]), "the log was cut"),
    "half of the last line cut": (lambda case: put(case, [*lines_of(case)[:-1], b'{"bo']), "the log was cut"),
    "all lines cut": (lambda case: put(case, []), ""),
    "no head": (lambda case: (case / HEAD).unlink(), "is missing"),
}  # fmt: skip


def test_a_case_that_nobody_touched_verifies(case: Path, place: Path) -> None:
    found = verify(case, read_public(place / "key.pub"), read_log(case).entries[2].sha256)
    assert found.problems == ()
    assert (found.n_entries, found.n_files) == (9, 3)
    assert stat.S_IMODE((place / "key").stat().st_mode) == 0o600


@pytest.mark.parametrize("spoil", SPOILS)
def test_every_change_is_found(case: Path, place: Path, spoil: str) -> None:
    change, words = SPOILS[spoil]
    change(case)
    problems = verify(case).problems
    assert problems
    assert any(words in problem for problem in problems), problems
    assert RUN.invoke(app, ["case", "verify", str(case)]).exit_code == 2
    if "file" not in spoil:
        with pytest.raises(ForensicsError):
            add_note(case, read_key(place / "key"), "after")


def test_a_case_written_anew_with_another_key_is_found(case: Path, place: Path, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    other = read_key(tmp_path / "other")
    with pytest.raises(ForensicsError, match="another key"):
        add_note(case, other, "x")
    open_case(tmp_path / "anew", other, examiner="A", number="17")
    assert verify(tmp_path / "anew").problems == ()
    assert "another key" in verify(tmp_path / "anew", read_public(place / "key.pub")).problems[0]
    # The other key's lines within the case.
    put(case, [*lines_of(case)[:-1], lines_of(tmp_path / "anew")[0]])
    assert "line 9" in verify(case).problems[0]


def test_an_old_log_with_its_old_head_is_found_by_a_hash_noted_elsewhere(case: Path, place: Path) -> None:
    old = ((case / LOG).read_bytes(), (case / HEAD).read_bytes())
    head = add_note(case, read_key(place / "key"), "third").head
    assert verify(case, head=head).problems == ()
    (case / LOG).write_bytes(old[0])
    (case / HEAD).write_bytes(old[1])
    assert verify(case).problems == ()  # it cannot be told, as the page of the docs says
    assert "cut or written anew" in verify(case, head=head).problems[0]


def test_a_kill_at_any_byte_of_an_append_leaves_a_case_that_verifies_and_goes_on(
    case: Path, place: Path
) -> None:
    before = ((case / LOG).read_bytes(), (case / HEAD).read_bytes())
    key = read_key(place / "key")
    add_note(case, key, "killed")
    line = (case / LOG).read_bytes()[len(before[0]) :]
    for n in range(0, len(line) + 1, 7):
        (case / LOG).write_bytes(before[0] + line[:n])
        (case / HEAD).write_bytes(before[1])
        assert verify(case).problems == (), n
        add_note(case, key, "after")
        assert verify(case).problems == (), n
    (case / LOG).write_bytes(before[0] + line[:9])
    assert "interrupted" in verify(case).remarks[0]
    (case / LOG).write_bytes(before[0] + line)  # the line is whole, its head was not written
    (case / HEAD).write_bytes(before[1])
    assert verify(case).problems == ()
    assert add_note(case, key, "after").entries[-1].number == 11


def test_a_copy_that_a_kill_left_without_its_line_is_remarked_on_and_taken_in(
    case: Path, place: Path
) -> None:
    key, data = read_key(place / "key"), encode_png(np.zeros((4, 4, 3), np.uint8))
    file = case.parent / "black.png"
    file.write_bytes(data)
    (case / "files" / sha256_bytes(data)).write_bytes(data)
    assert verify(case).problems == ()
    assert "interrupted, or slipped in" in verify(case).remarks[0]
    assert add_files(case, key, [file], None).added == [str(file)]
    assert verify(case).remarks == ()


def test_the_report_says_what_the_log_says(case: Path, tmp_path: Path) -> None:
    page, table, whole = write_report(case, tmp_path / "report")
    text = page.read_text()
    assert "as they were written" in text
    assert "<b>Example" not in text
    with table.open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["name"]: row["verdict"] for row in rows}["'=cat.png"] == "inconclusive"
    assert {row["name"]: row["log10_lr"] for row in rows}["'=cat.png"] == ""
    assert {row["verdict"] for row in rows if row["name"] == "broken.png"} == {"not examined"}
    assert json.loads(whole.read_text())["problems"] == []
    alter_file(case)
    assert "ALTERED" in write_report(case, tmp_path / "report")[0].read_text()


def test_the_commands(tmp_path: Path, place: Path) -> None:
    key, case = str(tmp_path / "key"), str(tmp_path / "case")
    assert RUN.invoke(app, ["case", "key", key]).exit_code == 0
    new = ["case", "new", case, "--key", key, "--examiner", "A", "--number", "1"]
    assert RUN.invoke(app, new).exit_code == 0
    assert isinstance(RUN.invoke(app, new).exception, ForensicsError)
    assert isinstance(RUN.invoke(app, ["case", "key", key]).exception, ForensicsError)
    photograph = str(place / "photographs" / "a.png")
    assert RUN.invoke(app, ["case", "add", case, photograph, "--key", key, "--no-detect"]).exit_code == 0
    assert RUN.invoke(app, ["case", "note", case, "x", "--key", key]).exit_code == 0
    verified = RUN.invoke(app, ["case", "verify", case, "--public-key", f"{key}.pub", "--json"])
    assert json.loads(verified.stdout)["n_entries"] == 3
    assert RUN.invoke(app, ["case", "report", case, "--out", str(tmp_path / "report")]).exit_code == 0
