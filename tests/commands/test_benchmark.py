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
from pathlib import Path

import pytest
from PIL import Image

from forensics import cli

Run = Callable[..., tuple[int, str, str]]
PROGRAM = "import sys; from forensics.cli import main; main()"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `forensics benchmark ARGS` in this process; exit code, stdout, stderr."""

    def call(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["forensics", "benchmark", *map(str, args)])
        try:
            cli.main()
            code: object = 0
        except SystemExit as leaving:
            code = leaving.code
        out, err = capfd.readouterr()
        return int(code or 0), out, err  # type: ignore[call-overload]

    return call


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
