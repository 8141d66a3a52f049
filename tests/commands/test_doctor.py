"""`forensics doctor` on this machine, and on machines where something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forensics.cli import app
from forensics.core import weights as shipped
from forensics.examiner import installation

NAMES = ["packages", "onnxruntime", "processor", "gpu", "weights", "faces", "cache"]


def doctor(*words: str) -> tuple[int, dict[str, dict[str, str]]]:
    result = CliRunner().invoke(app, ["doctor", "--json", *words], catch_exceptions=False)
    found = json.loads(result.stdout)["checks"]
    assert [check["name"] for check in found] == NAMES
    return result.exit_code, {check["name"]: check for check in found}


def test_nothing_is_wrong_here(shared: Path) -> None:
    code, found = doctor("--pack", "scrfd_mbf", "--pack-root", str(shared / "data" / "insightface"))
    assert code == 0
    assert found["faces"] == {"name": "faces", "state": "ok", "text": "InsightFace pack scrfd_mbf"}
    assert "torch " in found["packages"]["text"]
    assert "CPUExecutionProvider" in found["onnxruntime"]["text"]
    assert found["weights"]["text"] == "all as released"


def test_an_absent_pack_is_a_note_and_nothing_is_fetched(tmp_path: Path) -> None:
    code, found = doctor("--pack-root", str(tmp_path))
    assert code == 0
    assert found["faces"]["state"] == "note"
    assert list(tmp_path.iterdir()) == []


def test_what_will_fail_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installation, "_version", lambda name: "1.0")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    code, found = doctor()
    assert code == 1
    assert [name for name in NAMES if found[name]["state"] == "problem"] == ["onnxruntime", "weights"]
    assert "uninstall both" in found["onnxruntime"]["text"]
    assert "SHA256SUMS: is missing" in found["weights"]["text"]
