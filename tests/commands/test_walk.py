"""`forensics walk` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from typer.testing import CliRunner

from forensics.cli import app
from forensics.corpus import Corpus
from forensics.errors import ForensicsError
from forensics.generators.checkpoints import NetworkState, write_native
from forensics.generators.stylegan2 import StyleGAN2Generator

CONFIG = {
    "z_dim": 8,
    "w_dim": 8,
    "img_resolution": 16,
    "channel_base": 128,
    "channel_max": 16,
    "num_mapping_layers": 2,
}


def test_a_walk_with_its_radii(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights, out = tmp_path / "small.safetensors", tmp_path / "walk"
    write_native(weights, {"G": NetworkState("stylegan2", CONFIG, StyleGAN2Generator(**CONFIG).state_dict())})
    arguments = [
        "walk",
        str(out),
        "--generator",
        str(weights),
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
    assert json.loads(result.stdout) == {"corpus": str(out), "images": 12, "made_now": 12}
    rows = Corpus.open(out).manifest
    assert [row["params"]["position"] for row in rows] == [*range(6), *range(6)]
    assert rows[0]["params"]["radius"] == 0
    assert rows[5]["params"]["radius"] > 0
    assert Corpus.open(out).verify() == []


def test_unknown_space_is_one_line(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = tmp_path / "small.safetensors"
    write_native(weights, {"G": NetworkState("stylegan2", CONFIG, StyleGAN2Generator(**CONFIG).state_dict())})
    result = CliRunner().invoke(
        app, ["walk", str(tmp_path / "o"), "--generator", str(weights), "--space", "q"]
    )
    assert isinstance(result.exception, ForensicsError)
    assert "choose one of w, z, w+, s" in str(result.exception)
    assert not (tmp_path / "o").exists()
