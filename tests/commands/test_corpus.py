"""`forensics corpus`: check names what was altered, pools splits and says how."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from forensics.cli import app
from forensics.images import encode_png


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """24 photographs and 24 others, noise each, in a tree of two classes."""
    rng = np.random.default_rng(0)
    for folder in ("real", "fake-noise"):
        (tmp_path / "tree" / folder).mkdir(parents=True)
        for i in range(24):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            (tmp_path / "tree" / folder / f"{i:02d}.png").write_bytes(encode_png(pixels))
    return tmp_path / "tree"


def test_check_names_what_is_not_as_listed(tree: Path) -> None:
    first = CliRunner().invoke(app, ["corpus", "check", str(tree)], catch_exceptions=False)
    assert (first.exit_code, first.stdout) == (0, "every file is as listed\n")
    (tree / "real" / "03.png").write_bytes((tree / "real" / "04.png").read_bytes())
    again = CliRunner().invoke(app, ["corpus", "check", str(tree), "--json"], catch_exceptions=False)
    assert again.exit_code == 2
    assert json.loads(again.stdout)["problems"] == [
        {"corpus": str(tree), "kind": "altered", "file": "real/03.png"}
    ]


def test_pools_are_written_and_counted(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "pools.json"
    words = ["corpus", "pools", str(tree), "--out", str(out), "--shares", "0.4,0.1,0.1,0.2,0.2"]
    answer = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    assert answer.exit_code == 0
    summary = json.loads(answer.stdout)
    assert sum(sum(sources.values()) for sources in summary["counts"].values()) == 48
    assert summary["groups"]["n"] == 48
    assert json.loads(out.read_text())["counts"] == summary["counts"]
    lines = CliRunner().invoke(app, words, catch_exceptions=False).stdout.splitlines()
    assert lines[-1] == "48 groups, the largest of 1 images"


@pytest.mark.parametrize("shares", ["0.5", "a,b,c,d,e"])
def test_shares_that_are_none_are_a_usage_error(tree: Path, tmp_path: Path, shares: str) -> None:
    words = ["corpus", "pools", str(tree), "--out", str(tmp_path / "pools.json"), "--shares", shares]
    assert CliRunner().invoke(app, words).exit_code == 2
    assert not (tmp_path / "pools.json").exists()
