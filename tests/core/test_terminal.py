"""Data on stdout, the rest on stderr; bars on a terminal only; nothing from a file reaches the terminal raw."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.core import terminal
from forensics.core.terminal import console, note, print_line, printable, progress, tracked


@given(st.text())
def test_printable_is_one_printable_line_and_keeps_what_was_printable(text: str):
    shown = printable(text)
    assert shown.isprintable()
    assert [c for c in text if c.isprintable() and c != "\\"] == [
        c for c in text if c in shown and c.isprintable() and c != "\\"
    ]
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines", r"two\nlines"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("caf\udce9", r"caf\udce9"),
        ("right\u202eleft", r"right\u202eleft"),
        ("Zoë 面 😀", "Zoë 面 😀"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
        (Path("a b"), "a b"),
    ],
)
def test_printable_shows_what_would_be_obeyed(text: object, shown: str):
    assert printable(text) == shown


def test_data_and_notes_go_different_ways(capsys: pytest.CaptureFixture[str]):
    print_line('{"a": 1}')
    note("3 files\x1b[2J were bad")
    captured = capsys.readouterr()
    assert captured.out == '{"a": 1}\n'
    assert captured.err == "3 files\\x1b[2J were bad\n"


def test_in_a_pipe_a_short_job_says_nothing(capsys: pytest.CaptureFixture[str]):
    assert list(tracked(range(5), "Decoding", 5)) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")


def test_in_a_pipe_a_long_job_says_a_plain_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    with progress("Training", 100, done=40) as meter:
        for step in range(60):
            now[0] += 1.0
            meter.advance(status=f"loss {step}")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "Training: 55/100 loss 14",
        "Training: 70/100 loss 29",
        "Training: 85/100 loss 44",
        "Training: 100/100 loss 59",
    ]
    with progress("Reading", None) as meter:
        now[0] += 16
        meter.advance(3)
    assert capsys.readouterr().err == "Reading: 3/?\n"


def test_an_error_in_a_tracked_loop_comes_out(capsys: pytest.CaptureFixture[str]):
    def items():
        yield 1
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        list(tracked(items(), "Reading", 2))
    assert capsys.readouterr().out == ""


BAR = r"""
from forensics.core.terminal import note, print_line, progress
with progress("Making [i]faces", 3) as meter:
    for i in range(3):
        meter.advance(status="[/b]\x1b]0;owned\x07.png")
    print_line("data beside the bar")
print_line("data")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminal on this system")
@pytest.mark.parametrize("no_color", [False, True])
def test_on_a_terminal_there_is_a_bar_and_no_color_is_honoured(no_color: bool):
    import pty

    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    environment |= {"TERM": "xterm-256color", "COLUMNS": "100"} | ({"NO_COLOR": "1"} if no_color else {})
    run = subprocess.run(
        [sys.executable, "-c", BAR], stdout=subprocess.PIPE, stderr=theirs, env=environment, check=True
    )
    os.close(theirs)
    drawn = b""
    try:
        while block := os.read(ours, 65536):
            drawn += block
    except OSError:
        pass  # Linux: the other end is closed and everything was read
    os.close(ours)
    assert run.stdout == b"data beside the bar\ndata\n"
    assert b"3/3" in drawn
    assert b"Making [i]faces" in drawn
    assert rb"[/b]\x1b]0;owned\x07.png" in drawn
    assert (b"\x1b[38;" in drawn or b"\x1b[3" in drawn) == (not no_color)


def test_a_console_writes_to_stderr_and_keeps_long_lines_whole(capsys: pytest.CaptureFixture[str]):
    console().print("x" * 300, markup=False)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "x" * 300 + "\n"
