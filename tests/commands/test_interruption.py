"""Ctrl-C, as a terminal sends it to a whole group of processes: 130, one line, within two seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
           "from forensics.cli import main; main()"]  # fmt: skip
ALLOWED_S = 2.0
ALLOWED_WHERE_BUSY_S = (
    8.0  # three runnable processes a processor, and more: others take what the program would need
)


def words(command: str, shared: Path, out: Path) -> list[str]:
    """The words of a command that would take minutes."""
    faces, root = str(shared / "data/faces256/val"), str(shared / "data/insightface")
    pack = ["--pack", "scrfd_mbf", "--pack-root", root]
    return {
        "generate-corpus": ["generate-corpus", str(out), "-n", "50000"],
        "walk": ["walk", str(out), "-n", "50000"],
        "prune": ["prune", "own-64", "--out", str(out), "--workers", "2"],
        "study monsters": ["study", "monsters", "own-64", "--out", str(out), *pack, "--workers", "2"],
        "train": ["train", str(out), "--data", str(shared / "data/wild128"), "--preset", "stylegan2-64"],
        "train-detector": ["train-detector", str(out), faces, "--kind", "cnn"],
        "benchmark": ["benchmark", faces, "--out", str(out)],
        "detect": ["detect", faces, "--report", str(out / "report.html")],
    }[command]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "after_s"),
    [
        ("prune", 1.0),  # while libraries are loaded
        ("detect", 1.0),
        ("generate-corpus", 5.0),
        ("walk", 5.0),
        ("prune", 6.0),
        ("study monsters", 6.0),
        ("train", 6.0),
        ("train-detector", 6.0),
        ("benchmark", 6.0),
        ("detect", 6.0),
    ],
)
def test_it_ends_at_once_in_one_line(command: str, after_s: float, shared: Path, tmp_path: Path) -> None:
    program = subprocess.Popen(
        [*PROGRAM, *words(command, shared, tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=tmp_path,
    )
    try:
        time.sleep(after_s)
        assert program.poll() is None, program.communicate()
        os.killpg(program.pid, signal.SIGINT)
        pressed = time.monotonic()
        program.wait(timeout=60)
        elapsed_s = time.monotonic() - pressed
        _, said = program.communicate(timeout=60)  # and no process that it started holds on to its stderr
    finally:
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGKILL)
    assert program.returncode == 130
    assert "Traceback" not in said
    assert "leaked" not in said
    assert said.splitlines()[-1] == "interrupted"
    busy = os.getloadavg()[0] > 3 * (os.cpu_count() or 1)
    assert elapsed_s < (ALLOWED_WHERE_BUSY_S if busy else ALLOWED_S)


def test_a_program_in_the_background_is_not_interrupted() -> None:
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); from forensics.core.interruption import *;\n"
    code += "import os\nwith ends_on_interrupt() as watch:\n    os.kill(os.getpid(), signal.SIGINT)\n"
    code += "    print(watch.pressed)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
