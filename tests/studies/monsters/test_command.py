"""The command of the monster study: its options arrive, and bad ones are one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from forensics.commands.studies.monsters import monsters
from forensics.core.errors import DetectorError, FacePackError
from forensics.studies.monsters import page as report
from forensics.studies.monsters.options import MonsterOptions

app = typer.Typer()
app.command()(monsters)


def test_options_arrive_and_the_summary_is_printed(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def study(*arguments: Any) -> dict[str, Any]:
        seen.extend(arguments)
        return {"families": {}, "detector": None, "report": "monsters.html"}

    monkeypatch.setattr(report, "study_monsters", study)
    root = ["--pack", "scrfd_mbf", "--pack-root", str(shared / "data" / "insightface")]
    words = ["own-128", "--out", str(tmp_path / "o"), *root, "--workers", "1", "--seed", "4", "--step", "0.2"]
    result = CliRunner().invoke(
        app, [*words, "--styles", "-1", "--detector", "none", "--json"], catch_exceptions=False
    )
    assert json.loads(result.stdout)["report"] == "monsters.html"
    generator, faces, detector, out, options = seen
    assert (generator.source, faces.pack, detector, out) == ("own-128", "scrfd_mbf", None, tmp_path / "o")
    assert options == MonsterOptions(seed=4, steps=(0.2,), styles=-1)
    plain = CliRunner().invoke(app, words, catch_exceptions=False)
    assert plain.stdout == "report: monsters.html\n"
    assert seen[7].id.startswith("ensemble-")


def test_what_is_missing_is_named_before_anything_is_written(shared: Path, tmp_path: Path) -> None:
    words = ["own-128", "--out", str(tmp_path / "o")]
    with pytest.raises(FacePackError, match="no InsightFace pack"):
        CliRunner().invoke(app, [*words, "--pack-root", str(tmp_path)], catch_exceptions=False)
    pack = ["--pack", str(shared / "data" / "insightface" / "models" / "scrfd_mbf")]
    with pytest.raises(DetectorError):
        CliRunner().invoke(app, [*words, *pack, "--detector", str(tmp_path)], catch_exceptions=False)
    assert not (tmp_path / "o").exists()
