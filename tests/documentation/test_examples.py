"""The notebooks run from top to bottom with the networks that ship, and hold no outputs in the tree."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from tools.generated_blocks import ROOT

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
_TIMEOUT_S = 300
_COMMAND = f"#!/bin/sh\nexec {sys.executable} -c 'from forensics.cli import main; main()' \"$@\"\n"


def test_there_are_three() -> None:
    assert len(NOTEBOOKS) == 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_outputs(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`forensics` of this tree in front of the path, as after activating .venv."""
    program = tmp_path / "bin" / "forensics"
    program.parent.mkdir()
    program.write_text(_COMMAND)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "j"))


@pytest.mark.slow
@pytest.mark.usefixtures("command_line")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    notebook = nbformat.read(path, as_version=4)
    manager = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=str(tmp_path / "k"))
    client = NotebookClient(
        notebook, km=manager, timeout=_TIMEOUT_S, resources={"metadata": {"path": str(work)}}
    )
    client.execute()
    nbformat.write(notebook, tmp_path / path.name)
    printed = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    errors = [output.text for output in printed if output.output_type == "stream" and "error:" in output.text]
    assert errors == []
    assert len(printed) >= 5
