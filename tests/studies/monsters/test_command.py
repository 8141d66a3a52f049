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
from forensics.studies.monsters import study as module
from forensics.studies.monsters.facts import MonsterSummary
from forensics.studies.monsters.plan import MonsterPlan

app = typer.Typer()
app.command()(monsters)


def test_options_arrive_and_the_summary_is_printed(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def study(*arguments: Any, workers: int) -> MonsterSummary:
        seen.extend([*arguments, workers])
        return MonsterSummary(out="", report="monsters.html", families={}, returns=0, walks=[], detector=None)

    monkeypatch.setattr(module, "study_monsters", study)
    root = ["--pack", "scrfd_mbf", "--pack-root", str(shared / "data" / "insightface")]
    words = ["own-128", "--out", str(tmp_path / "o"), *root, "--workers", "1", "--seed", "4", "--step", "0.2"]
    result = CliRunner().invoke(
        app, [*words, "--styles", "-1", "--detector", "none", "--json"], catch_exceptions=False
    )
    assert json.loads(result.stdout)["report"] == "monsters.html"
    weights, out, plan, probe, workers = seen
    assert (weights, out, workers) == ("own-128", tmp_path / "o", 1)
    assert plan == MonsterPlan(seed=4, steps=(0.2,), styles=-1)
    assert (Path(probe.face_pack).name, probe.detector) == ("scrfd_mbf", None)
    plain = CliRunner().invoke(app, words, catch_exceptions=False)
    assert plain.stdout == "report: monsters.html\n"
    assert seen[8].detector == "default"


def test_what_is_missing_is_named_before_anything_is_written(shared: Path, tmp_path: Path) -> None:
    words = ["own-128", "--out", str(tmp_path / "o")]
    with pytest.raises(FacePackError, match="no InsightFace pack"):
        CliRunner().invoke(app, [*words, "--pack-root", str(tmp_path)], catch_exceptions=False)
    pack = ["--pack", str(shared / "data" / "insightface" / "models" / "scrfd_mbf")]
    with pytest.raises(DetectorError):
        CliRunner().invoke(app, [*words, *pack, "--detector", str(tmp_path)], catch_exceptions=False)
    assert not (tmp_path / "o").exists()
