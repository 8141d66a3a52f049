"""The demo, whole, on what ships with the package and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forensics.cli import app
from forensics.corpus import Corpus


@pytest.mark.slow
def test_demo_makes_examines_and_reports(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    result = CliRunner().invoke(app, ["demo", "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert [(g["name"], g["n"]) for g in summary["groups"]] == [
        ("corpus", 64),
        ("walk", 50),
        ("photograph", 1),
    ]
    assert summary["photograph"]["verdict"] != "synthetic"
    assert len(summary["photograph"]["faces"]) == 1
    assert summary["photograph"]["face_finder"] == "face-finder"  # no pack is installed in this home
    for name, n in (("corpus", 64), ("walk", 50)):
        corpus = Corpus.open(out / name)
        assert len(corpus) == n
        assert corpus.verify() == []
    page = (out / "report.html").read_text()
    assert "default-src 'none'" in page
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page), "the page fetches nothing"
    assert "photograph.html" in page
    assert (out / "photograph.html").is_file()

    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    again = CliRunner().invoke(app, ["demo", "--out", str(out), "--json"])
    assert again.exit_code == 0
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before, (
        "the same command, the same bytes"
    )
