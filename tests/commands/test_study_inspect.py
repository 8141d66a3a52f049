"""`forensics inspect --weights`: what it leaves, twice the same bytes."""

from __future__ import annotations

import csv
from pathlib import Path

import typer
from typer.testing import CliRunner

from forensics.commands.generators.inspect import inspect
from tests.studies.made import srcnet_file

app = typer.Typer()
app.command()(inspect)


def test_inspect_writes_tables_figures_and_a_page(shared: Path, tmp_path: Path) -> None:
    path = srcnet_file(shared, tmp_path)
    for name in ("a", "b"):
        result = CliRunner().invoke(
            app, [str(path), "--weights", str(tmp_path / name)], catch_exceptions=False
        )
        assert result.exit_code == 0
        assert "weights.html" in result.stdout
    made = {p.name: p.read_bytes() for p in (tmp_path / "a").iterdir()}
    assert made == {p.name: p.read_bytes() for p in (tmp_path / "b").iterdir()}
    for figure in ("atlas-G", "last-block-G", "atlas-D", "last-block-D"):
        assert {f"{figure}.png", f"{figure}.svg", f"{figure}.csv"} <= made.keys()
    with (tmp_path / "a" / "weights-G.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 22
    assert sum(int(row["count"]) for row in rows) == 50_442
    page = made["weights.html"].decode()
    assert "Src_Net.2.upconv.weight_orig" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
