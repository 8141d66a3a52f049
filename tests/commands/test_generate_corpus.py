"""`forensics generate-corpus` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forensics.cli import app
from forensics.core.errors import CheckpointError, ForensicsError
from forensics.corpus import Corpus


def test_json_summary_is_all_that_is_on_stdout(small: Path, tmp_path: Path) -> None:
    arguments = [
        "generate-corpus",
        str(tmp_path / "out"),
        "--generator",
        str(small),
        "-n",
        "12",
        "--psi",
        "0.5",
        "--json",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary == {"corpus": str(tmp_path / "out"), "images": 12, "made_now": 12, "rejected": []}
    assert Corpus.open(tmp_path / "out").verify() == []
    evidence = json.loads((tmp_path / "out" / "evidence.json").read_text())
    assert evidence["options"]["psi"] == 0.5
    assert evidence["seeds"] == {"seed": 0}
    assert evidence["call"]["function"] == "forensics.recipes.run.make_corpus"
    assert evidence["call"]["arguments"]["options"]["settings"] == {"psi": "0.5"}
    again = CliRunner().invoke(app, arguments)
    assert json.loads(again.stdout)["made_now"] == 0


def test_photographs_beside_them_and_a_broken_one(small: Path, shared: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    for path in sorted((shared / "data" / "wild128").glob("*.jpg"))[:3]:
        (real / path.name).write_bytes(path.read_bytes())
    (real / "broken.jpg").write_bytes(b"<html>")
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app, ["generate-corpus", str(out), "--generator", str(small), "-n", "5", "--real", str(real)]
    )
    assert result.exit_code == 2
    assert result.stdout == f"{out}: 8 images, 8 made now\n"
    assert "broken.jpg" in result.stderr
    assert Corpus.open(out).labels.tolist() == [1] * 5 + [0] * 3


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [(["--generator", "missing.pkl"], CheckpointError), (["--recipe", "dream"], ForensicsError)],
)
def test_errors_leave_nothing(arguments: list[str], kind: type[Exception], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["generate-corpus", str(tmp_path / "out"), *arguments])
    assert isinstance(result.exception, kind)
    assert not (tmp_path / "out").exists()
