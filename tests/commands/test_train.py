"""`forensics train` from the outside."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forensics.cli import app
from forensics.core.errors import ForensicsError
from forensics.generators.base import load_generator
from forensics.images import decode


@pytest.fixture
def data(shared: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    folder.mkdir()
    for path in sorted((shared / "data" / "wild128").glob("*.jpg"))[:6]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_train_resume_and_use_the_network(data: Path, tmp_path: Path) -> None:
    (data / "broken.jpg").write_bytes(b"<html>")
    out = tmp_path / "run"
    common = [
        "train",
        str(out),
        "--data",
        str(data),
        "--preset",
        "tiny-16",
        "--snap",
        "0.02",
        "--device",
        "cpu",
    ]
    first = CliRunner().invoke(app, [*common, "--kimg", "0.02", "--json"])
    assert first.exit_code == 2, first.output
    summary = json.loads(first.stdout)
    assert summary["kimg"] == 0.02
    assert summary["n_images"] == 6
    assert [Path(path).name for path, _ in summary["rejected"]] == ["broken.jpg"]
    assert "broken.jpg" in first.stderr
    second = CliRunner().invoke(app, [*common, "--kimg", "0.04"])
    assert second.exit_code == 2, second.output
    assert "going on from 0.02 kimg" in second.stderr
    with (out / "training.csv").open() as stream:
        assert [row["kimg"] for row in csv.DictReader(stream)] == ["0.02", "0.04"]
    assert decode(out / "samples-000000.040.png").pixels.shape[2] == 3
    assert sorted(path.name for path in out.glob("network-*")) == [
        "network-000000.020.safetensors", "network-000000.040.safetensors",
    ]  # fmt: skip
    generator = load_generator(summary["network"], "cpu")
    assert generator.synthesize(generator.map(generator.sample_z(2))).shape == (2, 3, 16, 16)
    assert json.loads((out / "evidence.json").read_text())["options"]["preset"] == "tiny-16"


def test_train_leaves_out_what_a_list_names(data: Path, tmp_path: Path) -> None:
    left = sorted(data.iterdir())[0]
    (tmp_path / "list.txt").write_text(f"{left.name}\n")
    common = [
        "train",
        str(tmp_path / "run"),
        "--data",
        str(data),
        "--preset",
        "tiny-16",
        "--device",
        "cpu",
        "--json",
    ]
    args = [*common, "--kimg", "0.004", "--leave-out", str(tmp_path / "list.txt")]
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["n_images"] == 5


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--preset", "stylegan9"], "no preset"),
        (["--augment", "bcg"], "no augmentation"),
        (["--batch", "0"], "batch 0"),
        (["--snap", "0"], "every 0 kimg"),
        (["--resume", "missing.pkl"], "missing.pkl"),
        (["--set", "glo_kimg"], "'glo_kimg' is no training option"),
        (["--set", "anchors=2"], "'anchors=2' is no training option"),
        (["--set", "transfer=x"], "is no training option"),
        (["--set", "glo_batch=2.5"], "glo_batch needs a whole number"),
        (["--set", "ema_kimg=nan"], "ema_kimg needs a number"),
        (["--set", "mirror=maybe"], "mirror needs true or false"),
        (["--set", "ema_kimg=0"], "ema_kimg 0.0 is not possible"),
    ],
)
def test_errors_come_before_anything_is_made(
    data: Path, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    result = CliRunner().invoke(app, ["train", str(tmp_path / "run"), "--data", str(data), *arguments])
    assert isinstance(result.exception, ForensicsError)
    assert complaint in str(result.exception)
    assert not (tmp_path / "run").exists()


def test_a_dry_run_prints_the_recipe_and_makes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = CliRunner().invoke(app, ["train", str(out), "--preset", "own-64", "--batch", "8", "--dry-run"])
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert (shown["kimg"], shown["options"]["batch"], len(shown["options"]["phases"])) == (27, 8, 5)
    assert shown["start"]["preset"] == "stylegan2-128-glo"
    assert shown["ending"]["mean_of_kimg"] == [24, 25, 26, 27]
    assert shown["expected"]["kid"] == pytest.approx(0.0069, abs=1e-4)
    assert not out.exists()


@pytest.mark.parametrize("arguments", [[], ["run"]])
def test_a_run_needs_a_folder_and_images(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["train", *arguments])
    assert isinstance(result.exception, ForensicsError)
    assert "train needs" in str(result.exception)


def test_fine_tune_with_classes_and_metrics(data: Path, tmp_path: Path) -> None:
    """Two runs: one that makes a conditional network, one that goes on from it with part of D frozen."""
    for k, path in enumerate(sorted(data.iterdir())):
        (data / f"class{k % 2}").mkdir(exist_ok=True)
        path.rename(data / f"class{k % 2}" / path.name)
    common = ["--data", str(data), "--cond", "--snap", "0.01", "--kimg", "0.01", "--device", "cpu", "--json"]
    first = CliRunner().invoke(app, ["train", str(tmp_path / "a"), *common, "--preset", "tiny-16"])
    assert first.exit_code == 0, first.output
    network = json.loads(first.stdout)["network"]
    second = CliRunner().invoke(
        app,
        [
            "train", str(tmp_path / "b"), *common, "--resume", network, "--freeze-d", "4", "--batch", "4",
            "--metrics", "1", "--no-mirror",
        ],
    )  # fmt: skip
    assert second.exit_code == 0, second.output
    summary = json.loads(second.stdout)
    assert summary["classes"] == ["class0", "class1"]
    options = summary["options"]
    assert (options["c_dim"], options["resolution"], options["freeze_d"], options["mirror"]) == (
        2,
        16,
        4,
        False,
    )
    assert "G: " in second.stderr
    assert "; not:" not in second.stderr
    with (tmp_path / "b" / "metrics.csv").open() as stream:
        assert [row["extractor"] for row in csv.DictReader(stream)] == ["efficientnet-lite0-imagenet"]
    evidence = json.loads((tmp_path / "b" / "evidence.json").read_text())
    assert evidence["inputs"][network] == options["transfer"]
