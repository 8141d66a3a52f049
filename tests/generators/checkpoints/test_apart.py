"""Weights files read in a fork: the same records and tensors as in this process, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from forensics.core.errors import CheckpointError, ForensicsError
from forensics.core.weights import weights_file
from forensics.generators.base import load_generator
from forensics.generators.checkpoints.checkpoint import Checkpoint
from forensics.generators.checkpoints.reading import parse, read_checkpoint
from forensics.generators.checkpoints.weights_file import WeightsFile
from tools.robustness.hostile.networks import network


def copy_of(tmp_path: Path, name: str) -> Path:
    path = tmp_path / "copy.safetensors"
    path.write_bytes(weights_file(name).read_bytes())
    return path


def test_a_fork_gives_what_this_process_would(tmp_path: Path) -> None:
    path = copy_of(tmp_path, "own-64")
    here, there = parse(WeightsFile.open(path)), read_checkpoint(path)
    assert (there.sha256, there.format, there.card, there.notes, there.n_bytes) == (
        here.sha256, here.format, here.card, here.notes, here.n_bytes,
    )  # fmt: skip
    assert there.networks.keys() == here.networks.keys()
    for name, expected in here.networks.items():
        assert there.networks[name].config == expected.config
        assert list(there.networks[name].state) == list(expected.state)
        for key, value in expected.state.items():
            assert there.networks[name].state[key].dtype == value.dtype
            assert torch.equal(there.networks[name].state[key], value)


def test_a_parser_that_crashes_costs_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(file: WeightsFile) -> Checkpoint:
        raise SystemExit(3)

    path = copy_of(tmp_path, "own-64")
    monkeypatch.setattr("forensics.generators.checkpoints.reading.parse", crash)
    with pytest.raises(CheckpointError, match=r"copy\.safetensors: made the process that reads it stop"):
        read_checkpoint(path)


def test_an_image_that_overflows_is_an_error_and_no_black_picture(tmp_path: Path) -> None:
    """Each value is within what a file may hold; the product of the layers is not within float32."""
    path = tmp_path / "overflows.safetensors"
    path.write_bytes(network(lambda name, value: torch.full_like(value, 9e5)))
    g = load_generator(path, "cpu")
    with torch.no_grad():
        x = g.synthesize(g.map(g.sample_z(1, seed=0)))
    assert not x.isfinite().all()
    with pytest.raises(ForensicsError, match=r"overflows\.safetensors: an image holds NaN or infinity"):
        g.to_uint8(x)
