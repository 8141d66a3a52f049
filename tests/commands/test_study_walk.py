"""`forensics study walk` from the command line: two networks, on real faces, small."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from forensics.cli import app
from forensics.core.errors import FacePackError, ForensicsError
from forensics.core.weights import weights_file
from forensics.corpus import Corpus
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.checkpoints import NetworkState, read_checkpoint, write_native
from forensics.studies.monsters.plan import MonsterPlan
from forensics.studies.probes import ProbePlan
from forensics.studies.walks.study import WalkPlan, study_walk

FEW = ["--walks", "3", "-n", "20", "--step", "0.1", "--no-monsters", "--detector", "none"]


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded generator with noise on the weights of its largest layers: next to no faces."""
    state = read_checkpoint(weights_file("own-64")).networks["G_ema"]
    torch.manual_seed(0)
    noisy = {
        k: v + 6.0 * torch.randn_like(v) if k.startswith("synthesis.b32.conv") and k.endswith("weight") else v
        for k, v in state.state.items()
    }
    path = tmp_path_factory.mktemp("weights") / "worse.safetensors"
    write_native(path, {"G_ema": NetworkState(state.kind, state.config, noisy)})
    return path


def arguments(shared: Path, out: Path, *files: str) -> list[str]:
    pack = ["--pack", "scrfd_mbf", "--pack-root", str(shared / "data" / "insightface")]
    return ["study", "walk", *files, "--out", str(out), *FEW, *pack]


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def two(
    shared: Path, worse: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, object]]:
    out = tmp_path_factory.mktemp("two") / "study"
    words = run(*arguments(shared, out, "own-64", str(worse)), "--json")
    return out, json.loads(words)


def folders(out: Path) -> list[Path]:
    return sorted(p for p in out.iterdir() if p.is_dir())


def test_two_networks_in_one_page(two: tuple[Path, dict[str, object]]) -> None:
    out, summary = two
    default, worse = summary["networks"]  # type: ignore[misc]
    assert default["network"] == "own-64"
    assert default["images"] == worse["images"] == 60
    assert default["face_yield"] > worse["face_yield"] + 0.1
    assert worse["yield_low"] <= worse["face_yield"] <= worse["yield_high"]
    comparisons = {c["measure"]: c for c in summary["comparisons"]}  # type: ignore[attr-defined]
    assert comparisons["yield"]["difference"] == pytest.approx(worse["face_yield"] - default["face_yield"])
    assert comparisons["confidence"]["p"] == pytest.approx(comparisons["confidence"]["p_least"])
    page = (out / "index.html").read_text()
    assert len(page) < 15e6
    assert "<script" not in page
    assert set(re.findall(r"""(?:src|href)="(data:|#|)""", page)) == {"data:", "#"}
    for words in ("What is exchanged is whole walks", "Minimum spanning tree", "Images without a face"):
        assert words in page


def test_every_figure_has_its_numbers(two: tuple[Path, dict[str, object]]) -> None:
    out, _ = two
    figures = [p for p in out.rglob("*.png") if "corpus" not in p.parts]
    assert len(figures) >= 3 + 4 + 3
    for figure in figures:
        assert figure.with_suffix(".csv").stat().st_size > 10, figure


def test_faces_csv_lists_the_corpus(two: tuple[Path, dict[str, object]]) -> None:
    out, summary = two
    assert len(folders(out)) == 2
    for folder in folders(out):
        with (folder / "faces.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        corpus = Corpus.open(folder / "corpus")
        assert corpus.verify() == []
        assert [r["sha256"] for r in rows] == [m.sha256 for m in corpus.manifest]
        found = sum(float(r["score"]) > 0 for r in rows) / len(rows)
        assert found in [pytest.approx(n["face_yield"]) for n in summary["networks"]]  # type: ignore[attr-defined]
        with (folder / "drift.csv").open(newline="") as stream:
            drift = list(csv.DictReader(stream))
        assert len(drift) == 60
        assert (drift[0]["cosine"] == "") == (rows[0]["embedding"] == "")


def test_killed_and_run_again_is_the_same_bytes(
    two: tuple[Path, dict[str, object]], shared: Path, worse: Path, tmp_path: Path
) -> None:
    """Killed while the second network is examined; the second run finishes it. Against a run in one go elsewhere."""
    out = tmp_path / "killed"
    words = arguments(shared, out, "own-64", str(worse))
    program = f"""
import os, signal
from forensics.cli import app
from forensics.studies.walks.faces import FaceExaminer
original, calls = FaceExaminer.rows, []
def rows(self, *arguments):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, *arguments)
FaceExaminer.rows = rows
app({words!r})
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (out / "index.html").exists()
    text = run(*words)
    assert "own-64 against worse, yield" in text
    assert "of the slower" in text
    mine, theirs = content(out), content(two[0])
    assert sorted(mine) == sorted(theirs)
    assert [name for name in mine if mine[name] != theirs[name]] == []


def test_again_makes_nothing_and_other_numbers_are_refused(
    two: tuple[Path, dict[str, object]], shared: Path, worse: Path
) -> None:
    out, _ = two
    before = content(out)
    words = arguments(shared, out, "own-64", str(worse))
    assert "of the slower" not in run(*words)
    with pytest.raises(ForensicsError, match="step"):
        run(*words, "--step", "0.2")
    assert content(out) == before


def test_monsters_are_a_part_of_the_page(shared: Path, tmp_path: Path) -> None:
    few = MonsterPlan(
        random=2, mapped=2, components=1, dimensions=1, styles=1, max_radius=3.0, scan_step=1.0, halvings=1,
        map_angles=4, map_rings=1, steps=(1.0,), walks=1, walk_length=6, bank=4,
    )  # fmt: skip
    root = shared / "data" / "insightface"
    plan = WalkPlan(walks=2, length=12, step=0.3, space="s")
    probe = ProbePlan(str(root / "models" / "scrfd_mbf"), "default")
    summary = study_walk(["own-64"], tmp_path, plan, probe, monsters=few)
    page = (tmp_path / "index.html").read_text()
    assert 'id="monsters"' in page
    assert "How far the face survives" in page
    assert "in standard deviations of each style" in page
    assert "log10 LR" in page
    assert (folders(tmp_path)[0] / "monsters" / "monsters.html").is_file()
    assert summary.monsters["own-64"].families
    with (tmp_path / "along.csv").open(newline="") as stream:
        assert float(next(csv.DictReader(stream))["log10_lr"])


def test_a_network_without_faces(shared: Path, tmp_path: Path) -> None:
    config = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 16}
    config["num_mapping_layers"] = 2
    torch.manual_seed(0)
    weights = tmp_path / "noise.safetensors"
    write_native(weights, {"G": NetworkState("stylegan2", config, StyleGAN2Generator(**config).state_dict())})
    text = run(*arguments(shared, tmp_path / "out", str(weights)))
    assert "noise: 0.0 % [0.0, 0.0] of 60 images hold a face" in text
    assert "there is no tree" in (tmp_path / "out" / "index.html").read_text()


def test_what_cannot_be_done_is_one_line(shared: Path, tmp_path: Path) -> None:
    words = arguments(shared, tmp_path / "o", "own-64")
    with pytest.raises(ForensicsError, match="named twice"):
        run(*words[:3], "own-64", *words[3:])
    with pytest.raises(ForensicsError, match="choose one of w, z, w"):
        run(*words, "--space", "q")
    with pytest.raises(FacePackError, match="no InsightFace pack"):
        run(*words, "--pack", "none-such")
    with pytest.raises(ForensicsError, match="no such file"):
        run(*words[:2], str(tmp_path / "none.pkl"), *words[3:])
    assert not (tmp_path / "o").exists()
