"""`forensics prune`, `latent` and `study weights` from the command line, on a small SrcNet."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from forensics.cli import app
from forensics.core.errors import ForensicsError
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.checkpoints import NetworkState, write_native
from tests.studies.made import srcnet_file

SMALL = ["-n", "4", "--steps", "4", "--every", "2", "--workers", "1"]
UNASKED = ["--pack", "none", "--detector", "none"]


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_whole_study_twice_gives_the_same_bytes(shared: Path, tmp_path: Path) -> None:
    file = str(srcnet_file(shared, tmp_path))
    summary = json.loads(
        run("study", "weights", file, "--out", str(tmp_path / "a"), *SMALL, *UNASKED, "--json")
    )
    assert summary["nonzero_at_start"] == 50_442
    assert summary["nonzero_at_end"] < 0.35 * 50_442
    words = run("study", "weights", file, "--out", str(tmp_path / "b"), *SMALL, *UNASKED)
    assert "38.18 %" in words
    assert "published: knee near 0.4" in words
    found = [
        {
            str(p.relative_to(folder)): p.read_bytes()
            for p in sorted(folder.rglob("*"))
            if p.is_file() and p.parent.name != "timings"  # times are what does not repeat
        }
        for folder in (tmp_path / "a", tmp_path / "b")
    ]
    assert found[0] == found[1]
    page = found[0]["index.html"].decode()
    assert len(page) < 15e6
    timed = json.loads((tmp_path / "a" / "pruning" / "channels" / "timings" / "channels.json").read_text())
    assert {row["batch"] for row in timed} == {1, 8}
    assert set(summary["channels_times_as_fast"]) == {"0.125", "0.25", "0.375", "0.5", "0.75"}
    for part in (
        "Src_Net.2.upconv.weight_orig",
        "Where the network is fragile",
        "Whole channels",
        "How far is too far",
    ):
        assert part in page
    assert "<script" not in page
    figures = [p for p in (tmp_path / "a").rglob("*.png") if p.parent.name != "grids"]
    assert len(figures) == 4 + 4 + 2 + 8 + 1  # weights, sweep, channels, latents, times
    assert [p for p in figures if p.with_suffix(".csv").stat().st_size < 10] == []


def test_faces_and_detector_are_asked_unless_left_out(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORENSICS_FACE_PACK", "scrfd_mbf")
    monkeypatch.setenv("FORENSICS_FACE_ROOT", str(shared / "data" / "insightface"))
    config = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 16}
    config["num_mapping_layers"] = 2
    torch.manual_seed(0)
    weights = tmp_path / "noise.safetensors"
    write_native(weights, {"G": NetworkState("stylegan2", config, StyleGAN2Generator(**config).state_dict())})
    out = tmp_path / "out"
    words = ["study", "weights", str(weights), "--out", str(out), "-n", "4", "--steps", "2", "--every", "1"]
    summary = json.loads(run(*words, "--workers", "1", "--json"))
    assert set(summary["strongest"]) >= {"feature_distance", "log10_lr_change"}
    with (out / "pruning" / "sweep.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["face_yield"] for row in rows] == ["0"] * 3
    assert all(float(row["log10_lr"]) for row in rows)
    with (out / "latent" / "dimensions.csv").open(newline="") as stream:
        dims = list(csv.DictReader(stream))
    assert sorted(int(row["rank_log10_lr_change"]) for row in dims) == list(range(1, 9))
    assert {row["lost_at"] for row in dims} == {"0"}
    page = (out / "index.html").read_text()
    assert "there is none to lose" in page
    assert (
        page.count("Outside what the detector was validated on") == 2
    )  # 16 px: said with pruning and with latents
    inputs = json.loads((out / "evidence.json").read_text())["inputs"]
    assert {"detector", "weights"} < set(inputs)


def test_one_threshold_and_one_dimension(shared: Path, tmp_path: Path) -> None:
    file = str(srcnet_file(shared, tmp_path))
    row = json.loads(run("prune", file, "--threshold", "0.4", "-n", "4", "--json"))
    assert row["nonzero"] == 34_793
    assert 0 < row["d_probability"] < 1
    found = json.loads(
        run("latent", file, "--dim", "3", "--delta", "10", "-n", "4", "--json", "--out", str(tmp_path))
    )
    assert Path(found["image"]).name == "dim-3-delta+10.png"
    assert Path(found["image"]).is_file()
    with Path(found["image"]).with_suffix(".csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["dims"], row["delta"]) == ("3", "10")
    assert float(row["pixel_change"]) == pytest.approx(found["pixel_change"])
    evidence = json.loads(Path(f"{found['image']}.evidence.json").read_text())
    assert evidence["options"]["dims"] == [3]


def test_channels_taken_out_are_measured_and_saved(shared: Path, tmp_path: Path) -> None:
    file, target = str(srcnet_file(shared, tmp_path)), tmp_path / "less.safetensors"
    words = ["prune", file, "--channels", "0.25", "-n", "4"]
    row = json.loads(run(*words, "--save", str(target), "--json"))
    assert row["channels"]["const"] == 24  # of 32
    assert row["gflop"] > 0
    assert row["times_as_fast"] > 0
    facts = json.loads(run("inspect", str(target), "--json"))
    assert facts["sha256"] == row["sha256"]
    assert (tmp_path / "less.safetensors.evidence.json").is_file()
    lines = run(*words, "--ranking", "random")
    assert "random" in lines
    assert not (tmp_path / "out").exists()
    for wrong, message in (
        (["--threshold", "0.2"], "not both"),
        (["--ranking", "luck"], "style, norm"),
    ):
        with pytest.raises(ForensicsError, match=message):
            run(*words, *wrong)
    with pytest.raises(ForensicsError, match="--channels"):
        run("prune", file, "--save", str(target))


def test_a_file_that_is_none_and_a_space_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ForensicsError, match="no such file"):
        run("prune", str(tmp_path / "none.pkl"), "--out", str(tmp_path / "o"))
    with pytest.raises(ForensicsError, match="--space"):
        run("prune", "default", "--space", "s")
    assert not (tmp_path / "o").exists()
