"""What can go wrong in a run gets one clear line, and the last snapshot stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from forensics.core.errors import CheckpointError, ForensicsError
from forensics.core.files import try_lock
from forensics.generators.training.run import Request, run_training
from forensics.generators.training.steps import GradientSteps
from forensics.generators.training.trainer import STATE_FILE


@pytest.fixture(scope="module")
def first_part(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    go_on(out, photographs, 0.02)
    return out


@pytest.fixture
def run(first_part: Path, tmp_path: Path) -> Path:
    shutil.copytree(first_part, tmp_path / "run")
    return tmp_path / "run"


def go_on(out: Path, data: Path, kimg: float, **changes: object) -> None:
    run_training(out, Request([data], "tiny-16", changes, kimg=kimg, snap_kimg=0.02, device="cpu"))


def refused(
    run: Path, data: Path, match: str, kind: type[ForensicsError] = ForensicsError, **changes: object
) -> None:
    before = (run / STATE_FILE).read_bytes()
    with pytest.raises(kind, match=match) as caught:
        go_on(run, data, 0.06, **changes)
    assert "\n" not in str(caught.value)
    assert str(run) in str(caught.value)
    assert (run / STATE_FILE).read_bytes() == before
    assert not list(run.glob(".*.part"))


def test_changed_options(run: Path, photographs: Path) -> None:
    refused(run, photographs, "r1_gamma: was 0.1, now 0.7.*new folder", r1_gamma=0.7)


def test_changed_data(run: Path, photographs: Path, tmp_path: Path) -> None:
    shutil.copytree(photographs, tmp_path / "fewer")
    (tmp_path / "fewer" / "0004.png").unlink()
    refused(run, tmp_path / "fewer", "training images have changed")


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "other safetensors", "missing tensor"])
def test_damaged_state(run: Path, photographs: Path, damage: str) -> None:
    from safetensors.torch import load_file, save_file

    state = run / STATE_FILE
    if damage == "cut":
        state.write_bytes(state.read_bytes()[:-100])
    elif damage == "text":
        state.write_text("<html>not a state</html>")
    elif damage == "empty":
        state.write_bytes(b"")
    elif damage == "other safetensors":
        save_file({"a": torch.zeros(2)}, state)
    else:
        from safetensors import safe_open

        with safe_open(state, framework="pt") as stored:
            metadata = stored.metadata()
        tensors = load_file(state)
        del tensors["G/synthesis.b4.const"]
        save_file(tensors, state, metadata=metadata)
    refused(run, photographs, "training state", CheckpointError)


def test_loss_not_finite(run: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = GradientSteps.generator_step

    def poisoned(self: GradientSteps, *args: object, **options: object) -> dict[str, float]:
        return {**original(self, *args, **options), "loss_G": float("nan")}  # type: ignore[arg-type]

    monkeypatch.setattr(GradientSteps, "generator_step", poisoned)
    refused(run, photographs, r"no longer finite at 0.0 kimg; .*--resume.*network-.*--lr.*--gamma")


def test_disk_full(run: Path, photographs: Path) -> None:
    """No file may grow beyond 100 kB: the state does not fit."""
    before = (run / STATE_FILE).read_bytes()
    assert len(before) > 150_000
    program = f"""
import resource
from pathlib import Path
from forensics.core.errors import ForensicsError
from forensics.generators.training.run import Request, run_training
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    run_training(Path({str(run)!r}), Request([Path({str(photographs)!r})], "tiny-16", {{}},
                 kimg=0.06, snap_kimg=0.02, device="cpu"))
except ForensicsError as error:
    print(error)
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "cannot write a snapshot at 0.04 kimg" in done.stdout
    assert "File too large" in done.stdout
    assert "make room and run the same command again" in done.stdout
    assert (run / STATE_FILE).read_bytes() == before
    assert not list(run.glob(".*.part"))
    go_on(run, photographs, 0.04)


def test_unknown_pipeline(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(ForensicsError, match="no augmentation pipeline 'bcg'"):
        go_on(tmp_path / "run", photographs, 0.02, augment="bcg")
    assert not (tmp_path / "run").exists()


def test_a_second_run_in_the_same_folder(run: Path, photographs: Path) -> None:
    handle = os.open(run, os.O_RDONLY)
    try:
        assert try_lock(handle)
        refused(run, photographs, "another process is at work there")
    finally:
        os.close(handle)
    go_on(run, photographs, 0.04)
