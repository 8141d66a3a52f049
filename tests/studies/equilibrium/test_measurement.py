"""D(x) against D(G(z)): the overlap by hand, the rows of snapshots and of a run's own log, the page and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from forensics.commands.studies.equilibrium import equilibrium
from forensics.core.errors import CheckpointError, ForensicsError
from forensics.core.files import write_text
from forensics.generators.checkpoints import read_checkpoint
from forensics.generators.checkpoints.formats.native import write_native
from forensics.images import decode, find_images
from forensics.studies.equilibrium.measurement import EquilibriumPlan, overlap
from forensics.studies.equilibrium.rows import SnapshotRow
from forensics.studies.equilibrium.study import EquilibriumStudy, study_equilibrium
from forensics.studies.machine import finish_parts
from forensics.studies.subject import load_subject
from tests.studies.made import srcnet_file

PLAN = EquilibriumPlan(images=8)
app = typer.Typer()
app.command()(equilibrium)


@pytest.fixture
def photographs(shared: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for path in find_images([shared / "data" / "faces256" / "val" / "real"])[0][:9]:
        (folder / path.name).symlink_to(path.resolve())
    return folder


@pytest.fixture
def snapshots(shared: Path, tmp_path: Path) -> list[Path]:
    """Two of one network: as it is, and with the last layer of D turned round."""
    networks = read_checkpoint(srcnet_file(shared, tmp_path)).networks
    paths = [tmp_path / f"network-{kimg:06d}.safetensors" for kimg in (8, 4)]
    for path, kimg in zip(paths, (8.0, 4.0), strict=True):
        write_native(path, networks, {"kimg": kimg})
        networks["D"].state["output.weight_orig"] = -networks["D"].state["output.weight_orig"]
        networks["D"].state["output.bias"] = -networks["D"].state["output.bias"]
    return paths


def equilibrium_rows(
    snapshots: list[Path], data: Path | None, out: Path, plan: EquilibriumPlan
) -> list[SnapshotRow]:
    study = EquilibriumStudy(tuple(snapshots), out, data, plan)
    finish_parts(study)
    return study.table()


def test_overlap_by_hand() -> None:
    found = overlap([10, 30, 0, 0], [0, 10, 10, 0])
    assert found.value == pytest.approx(0.5)  # 0 + min(3/4, 1/2) + 0
    assert 0 < found.low < found.value < found.high <= 1
    assert overlap([40, 0], [0, 40]).value == overlap([40, 0], [0, 40]).high == 0
    same = overlap([400] * 40, [400] * 40)
    assert same.value == 1
    assert 0.97 < same.of_one < 1
    few = overlap([2] * 40, [2] * 40)
    assert 0.6 < few.of_one < 0.8  # 80 images over 40 bins: samples of one distribution look unlike


def test_rows_are_what_each_discriminator_says(
    photographs: Path, snapshots: list[Path], tmp_path: Path
) -> None:
    rows = equilibrium_rows(snapshots, photographs, tmp_path / "out", PLAN)
    assert [row.kimg for row in rows] == [4, 8]  # in the order of training, not of naming
    assert [sum(row.real) for row in rows] == [8, 8]
    # The turned discriminator says the opposite of everything.
    assert rows[0].real == rows[1].real[::-1]
    assert rows[0].fake == rows[1].fake[::-1]
    subject = load_subject(snapshots[0])
    assert subject.discriminator is not None
    ws = subject.generator.map(subject.generator.sample_z(8))
    with torch.inference_mode():
        logits = subject.discriminator(subject.generator.synthesize(ws)).flatten()
    by_hand = np.histogram(torch.sigmoid(logits).numpy(), bins=40, range=(0, 1))[0]
    assert rows[1].fake == by_hand.tolist()
    with pytest.raises(ForensicsError, match="seed"):
        equilibrium_rows(snapshots, photographs, tmp_path / "out", EquilibriumPlan(8, seed=1))


def test_the_log_of_a_run_needs_no_networks(tmp_path: Path) -> None:
    run = tmp_path / "run"
    lines = [{"kimg": float(k), "real": [0, 20] * 20, "fake": [k, 20 - k] * 20} for k in range(11)]
    write_text(run / "discriminator-outputs.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    summary = study_equilibrium([run], tmp_path / "out", None, PLAN)
    assert [row.kimg for row in summary.snapshots] == [0, 2, 4, 6, 8, 10]
    assert [row.overlap for row in summary.snapshots] == pytest.approx([1, 0.9, 0.8, 0.7, 0.6, 0.5])
    assert "overlap 0.70" in (tmp_path / "out" / "histograms.svg").read_text(encoding="utf-8")
    with pytest.raises(ForensicsError, match="no discriminator-outputs"):
        equilibrium_rows([tmp_path / "out"], None, tmp_path / "x", PLAN)


def test_the_command_twice_gives_the_same_bytes(
    photographs: Path, snapshots: list[Path], tmp_path: Path
) -> None:
    made = []
    for name in ("a", "b"):
        words = [*map(str, snapshots), "--data", str(photographs), "--out", str(tmp_path / name)]
        result = CliRunner().invoke(app, [*words, "-n", "8", "--workers", "1"], catch_exceptions=False)
        assert result.exit_code == 0
        assert "n 8 + 8" in result.stdout
        files = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        made.append({str(p.relative_to(tmp_path / name)): p.read_bytes() for p in files})
    assert made[0] == made[1]
    assert {"equilibrium.csv", "histograms.csv", "equilibrium.html", "evidence.json"} <= made[0].keys()
    evidence = json.loads(made[0]["evidence.json"])
    assert {"photographs", *(path.name for path in snapshots)} == set(evidence["inputs"])
    figures = [name for name in made[0] if name.endswith(".png")]
    assert sorted(figures) == ["equilibrium.png", "histograms.png"]
    sheet = decode(tmp_path / "a" / "histograms.png").pixels
    assert sheet.std() > 10


def test_what_cannot_be_shown_is_said(photographs: Path, snapshots: list[Path], tmp_path: Path) -> None:
    checkpoint = read_checkpoint(snapshots[0])
    alone = tmp_path / "alone.safetensors"
    write_native(alone, {"G": checkpoint.networks["G"]})
    with pytest.raises(CheckpointError, match="no discriminator"):
        equilibrium_rows([alone], photographs, tmp_path / "o", PLAN)
    with pytest.raises(CheckpointError, match="no such file"):
        equilibrium_rows([tmp_path / "none.pkl"], photographs, tmp_path / "p", PLAN)
    with pytest.raises(ForensicsError, match="--data"):
        equilibrium_rows(snapshots, None, tmp_path / "q", PLAN)
    with pytest.raises(ForensicsError, match="multiple of 4"):
        EquilibriumPlan(images=10)
