"""The command line as a whole: every command answers --help, nothing heavy is imported, errors are one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forensics.cli import COMMANDS, app

HEAVY = (
    "torch",
    "sklearn",
    "scipy",
    "skimage",
    "matplotlib",
    "insightface",
    "onnxruntime",
    "cv2",
    "jinja2",
    "numpy",
)


@pytest.mark.parametrize("command", [*COMMANDS])
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 0
    assert "--json" in result.stdout


def test_the_command_line_imports_nothing_heavy() -> None:
    code = f"import sys, forensics.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_public_names_are_imported_when_asked_for() -> None:
    code = (
        "import sys, forensics; assert 'torch' not in sys.modules;"
        "assert forensics.Corpus.open and forensics.load_detector; assert 'torch' not in sys.modules;"
        "assert forensics.load_generator"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    import forensics

    with pytest.raises(AttributeError, match="nonsense"):
        _ = forensics.nonsense  # type: ignore[attr-defined]


def test_an_error_is_one_line_on_stderr_and_exit_code_2(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from forensics.cli import main; main()"]
    missing = tmp_path / "no\nsuch.pkl"
    run = subprocess.run([*program, "inspect", str(missing)], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("error: ")
    assert len(run.stderr.splitlines()) == 1
    assert "no\\nsuch.pkl" in run.stderr


def test_no_argument_shows_the_commands() -> None:
    result = CliRunner().invoke(app, [], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert all(name in result.output for name in COMMANDS)
