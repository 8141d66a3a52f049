"""`forensics inspect` on each format: the facts, on stdout, as text and as JSON."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from forensics.commands.generators.inspect import inspect
from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints import read_checkpoint, write_native
from tests.generators.checkpoints.made_files import (
    Persistent,
    pickled,
    rosinality_training,
    srcnet_training,
    stylegan2_modules,
    stylegan3_modules,
    torch_saved,
)

app = typer.Typer()
app.command()(inspect)


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def facts_of(path: Path) -> dict[str, Any]:
    facts = json.loads(run(str(path), "--json"))
    assert facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts["n_bytes"] == path.stat().st_size
    return facts


def test_an_nvidia_pickle(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.pkl"
    path.write_bytes(pickled(stylegan2_modules(shared, "stylegan2_cond_r16"), 4))
    facts = facts_of(path)
    assert facts["format"] == "nvidia"
    generator = facts["networks"]["G_ema"]
    expected = {"kind": "stylegan2", "architecture": "skip", "resolution": 16, "classes": 3, "complete": True}
    assert {key: generator[key] for key in expected} == expected
    # 24 maps at 4, 8 and 16 px; counted by hand: mapping 128 + 2080 + 1056, const 384, five 3x3 layers, three ToRGB.
    assert generator["n_parameters"] == 128 + 2080 + 1056 + 384 + 5 * (5184 + 24 + 1 + 792) + 3 * (
        72 + 3 + 792
    )
    assert generator["source_known"] is False
    assert generator["fork_signs"] == []
    assert facts["networks"]["D"]["architecture"] == "resnet"
    assert facts["networks"]["D"]["fork_signs"] == []
    assert facts["networks"]["augment_pipe"]["problem"].startswith("this toolkit has no network of this kind")
    text = run(str(path))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert {"network G_ema", "kind stylegan2", "architecture skip", "resolution 16 px", "classes 3"} < set(
        lines
    )
    assert facts["sha256"] in text


def test_a_stylegan3_pickle(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.pkl"
    path.write_bytes(pickled(stylegan3_modules(shared, "stylegan3r_r32"), 3))
    network = facts_of(path)["networks"]["G_ema"]
    assert (network["kind"], network["resolution"], network["complete"]) == ("stylegan3", 32, True)
    assert network["config"]["use_radial_filters"] is True


def test_rosinality_and_srcnet(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(torch_saved(rosinality_training(shared)))
    facts = facts_of(path)
    assert facts["format"] == "rosinality"
    assert facts["networks"].keys() == {"G_ema", "G", "D"}
    assert "args" in facts["card"]
    path.write_bytes(torch_saved(srcnet_training(shared), zipped=False))
    facts = facts_of(path)
    assert facts["format"] == "srcnet"
    assert facts["networks"]["G"]["complete"]
    assert "note" in run(str(path))


def test_a_native_file(shared: Path, tmp_path: Path) -> None:
    source = tmp_path / "snapshot.pkl"
    source.write_bytes(pickled(stylegan2_modules(shared), 4))
    path = tmp_path / "w.safetensors"
    write_native(path, read_checkpoint(source).networks, {"licence": "CC0"})
    facts = facts_of(path)
    assert facts["format"] == "native"
    assert facts["card"] == {"licence": "CC0"}
    assert facts["networks"]["D"]["class_name"] == "Discriminator"


def test_a_network_that_does_not_fit_is_told(shared: Path, tmp_path: Path) -> None:
    modules = stylegan2_modules(shared)
    del modules["G"].state["_modules"]["mapping"].state["_buffers"]["w_avg"]
    path = tmp_path / "snapshot.pkl"
    path.write_bytes(pickled(modules, 4))
    network = facts_of(path)["networks"]["G"]
    assert network["complete"] is False
    assert network["problem"] == "1 missing: mapping.w_avg"
    assert "not built             1 missing: mapping.w_avg" in run(str(path))


def test_text_from_the_file_cannot_reach_the_terminal_raw(tmp_path: Path) -> None:
    module = Persistent("Evil\x1b[2J\nnetwork")
    module.state["_init_kwargs"] = {"x": "\x1b]0;title\x07"}
    path = tmp_path / "snapshot.pkl"
    path.write_bytes(pickled({"G": module, "training_set_kwargs": {"\x1b[31m": "\u202e"}}, 4))
    text = run(str(path))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "Evil\\x1b[2J\\nnetwork" in text


def test_a_hostile_file_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    path = tmp_path / "evil.pkl"
    path.write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")
    with pytest.raises(CheckpointError, match=r"asks for os\.system") as caught:
        run(str(path))
    assert caught.value.exit_code == 2


def test_it_takes_less_than_five_seconds(shared: Path, tmp_path: Path) -> None:
    """A process of its own, imports included; processor time, as a busy machine is not the command's doing."""
    path = tmp_path / "snapshot.pkl"
    path.write_bytes(pickled(stylegan2_modules(shared), 4))
    code = "import sys, typer; from forensics.commands.generators.inspect import inspect; typer.run(inspect)"
    before = os.times()
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True)
    after = os.times()
    assert after.children_user - before.children_user + after.children_system - before.children_system < 5
