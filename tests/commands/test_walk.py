"""`forensics walk` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from forensics.cli import app
from forensics.core.errors import ForensicsError
from forensics.corpus import Corpus


def test_a_walk_with_its_radii(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "walk"
    arguments = [
        "walk",
        str(out),
        "--generator",
        str(small),
        "-n",
        "6",
        "--walks",
        "2",
        "--step",
        "0.1",
        "--json",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"corpus": str(out), "images": 12, "made_now": 12, "rejected": []}
    rows = Corpus.open(out).manifest
    assert [row.params["position"] for row in rows] == [*range(6), *range(6)]
    assert rows[0].params["radius"] == 0
    assert rows[5].params["radius"] > 0
    assert Corpus.open(out).verify() == []


def test_unknown_space_is_one_line(small: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["walk", str(tmp_path / "o"), "--generator", str(small), "--space", "q"])
    assert isinstance(result.exception, ForensicsError)
    assert "choose one of w, z, w+, s" in str(result.exception)
    assert not (tmp_path / "o").exists()
