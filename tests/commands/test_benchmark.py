"""`forensics benchmark` as it is used: output, evidence, page, a kill in the middle, leaks said aloud."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from forensics.corpus.pools.five_pools import Rules, make_pools
from forensics.corpus.pools.pool import split_pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.fitting.engine import TrainingOptions, train_detector
from forensics.detectors.fitting.fitted_on import write_fitted_on

Run = Callable[..., tuple[int, str, str]]
PROGRAM = "import sys; from forensics.cli import main; main()"


@pytest.fixture
def run(command_line: Run) -> Run:
    """Run `forensics benchmark ARGS` in this process; exit code, stdout, stderr."""
    return partial(command_line, "benchmark")


@pytest.fixture(scope="session")
def tree(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 authentic and 20 StyleGAN2 faces."""
    folder = tmp_path_factory.mktemp("benchmark_tree") / "faces"
    for source, name in (("real", "real"), ("stylegan2", "fake")):
        (folder / name).mkdir(parents=True)
        for file in sorted((shared / "data" / "faces256" / "val" / source).glob("*.png"))[:20]:
            shutil.copy(file, folder / name)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_two_runs_give_the_same_bytes_and_everything_is_there(run: Run, tree: Path, tmp_path: Path) -> None:
    code, out, _ = run(tree, "--out", tmp_path / "one", "--perturb", "jpeg90")
    assert code == 0
    assert "40 images in = 40 scored + 0 failed + 0 duplicates" in out
    code, out, _ = run(tree, "--out", tmp_path / "two", "--perturb", "jpeg90", "--json")
    summary = json.loads(out)
    assert summary["counts"]["scored"] == 40
    assert {m["perturbation"] for m in summary["measured"]} == {"none", "jpeg90"}
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    names = set(contents(tmp_path / "one"))
    assert {"scores.csv", "results.csv", "results.json", "report.html", "evidence.json", "plan.json"} <= names
    evidence = json.loads((tmp_path / "one" / "evidence.json").read_text())
    assert any(name.startswith("detector ") for name in evidence["inputs"])
    assert evidence["seeds"] == {"seed": 0}


def test_the_page_stands_alone(run: Run, tree: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "faces"
    shutil.copytree(tree, hostile)
    (hostile / "fake").rename(hostile / "fake_<script>alert(1)<")
    (hostile / "real" / "0000.png").rename(hostile / "real" / "<img src=x onerror=alert(1)>.png")
    assert run(hostile, "--out", tmp_path / "out", "--perturb", "none")[0] == 0
    html = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "http" not in html.replace("http-equiv", "").replace("http://www.w3.org", "")
    for words in (
        "ROC",
        "Tippett plot",
        "Reliability",
        "Verdicts at the shipped thresholds",
        "Metadata alone",
    ):
        assert words in html


def test_a_leak_is_said_aloud(run: Run, tree: Path, tmp_path: Path) -> None:
    """Trap 1: authentic JPEG against synthetic PNG."""
    leaking = tmp_path / "leaking"
    shutil.copytree(tree / "fake", leaking / "fake")
    (leaking / "real").mkdir()
    for file in (tree / "real").iterdir():
        with Image.open(file) as image:
            image.save(leaking / "real" / f"{file.stem}.jpg", quality=92)
    code, out, err = run(leaking, "--out", tmp_path / "out", "--perturb", "none", "--json")
    assert code == 0
    assert "WARNING: This set leaks" in err
    assert "format" in err
    assert json.loads(out)["leaking"] is True
    assert "This set leaks" in (tmp_path / "out" / "report.html").read_text()


def test_unreadable_files_are_named_and_the_exit_code_is_2(run: Run, tree: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tree, broken)
    (broken / "real" / "cut.png").write_bytes((tree / "real" / "0000.png").read_bytes()[:999])
    code, out, err = run(broken, "--out", tmp_path / "out", "--perturb", "none")
    assert code == 2
    assert "41 images in = 40 scored + 1 failed + 0 duplicates" in out
    assert sum("cut.png" in line for line in err.splitlines()) == 1


@pytest.mark.parametrize(
    ("args", "says"),
    [(["--perturb", "jpg70"], "unknown perturbation"), (["--detector", "nowhere"], "holds no detector")],
)
def test_bad_input_is_one_line(run: Run, tree: Path, tmp_path: Path, args: list[str], says: str) -> None:
    code, out, err = run(tree, "--out", tmp_path / "out", *args)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_killed_and_run_again_it_completes(run: Run, tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        "benchmark",
        str(tree),
        "--out",
        str(out),
        "--perturb",
        "jpeg90",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not list(out.glob(".chunks/*.json")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert list(out.glob(".chunks/*.json"))
    assert not (out / "results.json").exists()
    assert run(tree, "--out", out, "--perturb", "jpeg90")[0] == 0
    assert run(tree, "--out", tmp_path / "whole", "--perturb", "jpeg90")[0] == 0
    assert contents(out) == contents(tmp_path / "whole")


@pytest.fixture(scope="module")
def learned(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A frequency detector on 64-px copies of 12 + 12 training faces, with its list; and the tree it was fitted on."""
    folder = tmp_path_factory.mktemp("learned")
    for source, name in (("real", "real"), ("stylegan2", "fake")):
        (folder / "tree" / name).mkdir(parents=True)
        for file in sorted((shared / "data" / "faces256" / "train" / source).glob("*.png"))[:12]:
            with Image.open(file) as image:
                image.resize((64, 64)).save(folder / "tree" / name / file.name)
    pool = read_pool([folder / "tree"])
    options = TrainingOptions(work=folder / "work")
    train_detector("frequency", pool, folder / "detector", options)
    write_fitted_on(folder / "detector", *split_pool(pool, options.calibration_share, options.seed))
    return folder / "detector", folder / "tree"


def test_images_that_were_learned_from_are_refused_and_named(
    run: Run, tree: Path, learned: tuple[Path, Path], tmp_path: Path
) -> None:
    """A copy at another size, recompressed, under another name is found too."""
    detector, fitted = learned
    mixed = tmp_path / "mixed"
    shutil.copytree(tree, mixed)
    with Image.open(fitted / "real" / "0005.png") as image:
        image.resize((160, 160)).save(mixed / "real" / "new.jpg", quality=60)
    out = tmp_path / "out"
    code, said, err = run(mixed, "--out", out, "--detector", detector, "--perturb", "none")
    assert (code, said) == (2, "")
    assert "1 of the test images were used to fit" in err
    assert "real/new.jpg looks like an image it was" in err
    assert not out.exists()
    (mixed / "real" / "new.jpg").unlink()
    code, said, err = run(mixed, "--out", out, "--detector", detector, "--perturb", "none")
    assert code == 0
    assert "no list" not in err
    assert json.loads((out / "results.json").read_text())["exposure"]["fitted_on"] == {
        json.loads((out / "plan.json").read_text())["detectors"].popitem()[0]: 24
    }
    assert " a second; " in said.splitlines()[-1]


def test_two_benchmarks_are_compared(
    run: Run, tree: Path, learned: tuple[Path, Path], tmp_path: Path
) -> None:
    detector, _ = learned
    for name, more in (("a", []), ("b", ["--seed", 1])):
        assert (
            run(tree, "--out", tmp_path / name, "--detector", detector, "--perturb", "jpeg70", *more)[0] == 0
        )
    code, out, _ = run("--compare", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "c")
    assert code == 0
    assert "nothing changed beyond chance" in out
    assert (tmp_path / "c" / "report.html").exists()
    code, out, _ = run("--compare", tmp_path / "a", tmp_path / "b", "--json")
    assert json.loads(out)["n_images"] == 40
    code, out, err = run("--compare", tmp_path / "a", tree)
    assert (code, out) == (2, "")
    assert "holds no finished benchmark" in err


def test_only_the_pool_test_is_scored(
    run: Run, tree: Path, learned: tuple[Path, Path], tmp_path: Path
) -> None:
    pools = tmp_path / "pools.json"
    assert make_pools([tree], pools, Rules(0, (0.4, 0.0, 0.0, 0.2, 0.4))) == 0
    code, out, _ = run(tree, "--pools", pools, "--detector", learned[0], "--perturb", "none",
                       "--out", tmp_path / "out", "--json")  # fmt: skip
    assert code == 0
    assert json.loads(out.splitlines()[-1])["counts"]["scored"] == 16
    scored = {r.split(",")[2] for r in (tmp_path / "out" / "scores.csv").read_text().splitlines()[1:]}
    places = json.loads(pools.read_text())["images"]
    assert scored == {sha256 for sha256, place in places.items() if place["pool"] == "test"}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "needs a corpus"),
        (["TREE"], "needs a corpus and --out"),
        (
            ["TREE", "--out", "OUT", "--matrix", "frequency", "--perturb", "none"],
            "--matrix does not go with perturb",
        ),
        (["TREE", "--out", "OUT", "--trim-bottom", "0.1"], "--trim-bottom goes with --matrix"),
        (["TREE", "--out", "OUT", "--jpeg-before", "75"], "--jpeg-before goes with --matrix"),
        (["TREE", "--compare", "OUT", "OUT"], "--compare does not go with corpora"),
        (["TREE", "--out", "OUT", "--pools", "OUT/none.json"], "none.json: no such file"),
    ],
)
def test_options_that_do_not_go_together(
    run: Run, tree: Path, learned: tuple[Path, Path], tmp_path: Path, args: list[str], says: str
) -> None:
    places = {"TREE": str(tree), "OUT": str(tmp_path / "out")}
    words = [places.get(a, a.replace("OUT", str(tmp_path / "out"))) for a in args]
    if "--pools" in words:
        words += ["--detector", str(learned[0])]
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert says in err
    assert not (tmp_path / "out").exists()
