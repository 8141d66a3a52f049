"""`forensics faces` from the outside: table, summary, exit codes, clean stdout."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from forensics.commands.detectors.faces import faces
from forensics.core.errors import FacePackError

app = typer.Typer()
app.command()(faces)


def test_folder_with_a_broken_file(shared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for path in sorted((shared / "data" / "wild128").glob("*.jpg"))[:3]:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "broken.jpg").write_bytes(b"<html>no face here</html>")
    out = tmp_path / "faces.csv"
    pack = ["--pack", "scrfd500m_mbf", "--pack-root", str(shared / "data" / "insightface")]
    result = CliRunner().invoke(app, [str(folder), "--out", str(out), *pack, "--json"])
    assert result.exit_code == 2
    summary = json.loads(result.stdout)
    assert (summary["images"], summary["rows"], summary["without_face"]) == (4, 3, 0)
    assert summary["failures"][0]["path"].endswith("broken.jpg")
    assert "broken.jpg" in result.stderr
    assert set(summary["pack_sha256"]) == {"det_500m.onnx", "w_mbf.onnx"}
    rows = list(csv.DictReader(out.open(encoding="utf-8")))
    assert [Path(row["path"]).name for row in rows] == ["0000.jpg", "0001.jpg", "0002.jpg"]
    assert all(float(row["score"]) > 0.5 for row in rows)


def test_absent_pack_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "faces.csv"
    arguments = [str(tmp_path), "--out", str(out), "--pack-root", str(tmp_path / "packs")]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, FacePackError)
    assert not out.exists()


@pytest.mark.parametrize("option", ["--pack", "--pack-root", "--json", "--out"])
def test_help_names_every_option(option: str) -> None:
    assert option in CliRunner(env={"COLUMNS": "200"}).invoke(app, ["--help"]).output
