"""The states of the 64-px training: small, whole enough for the study that reads them, refused where damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from forensics.core.errors import CheckpointError
from forensics.core.weights import weights_file
from forensics.generators.checkpoints import read_checkpoint
from forensics.images import find_images
from forensics.studies.equilibrium.measurement import EquilibriumPlan
from forensics.studies.equilibrium.study import EquilibriumStudy
from forensics.studies.machine import finish_parts
from tools.states.__main__ import FOLDER
from tools.states.packing import pack, unpack


def test_they_are_small_and_say_when_they_were(early: Path, middle: Path) -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.xz")) <= 8_000_000
    assert [read_checkpoint(path).kimg for path in (early, middle)] == [24, 108]


def test_the_study_orders_them_before_what_ships(
    shared: Path, tmp_path: Path, early: Path, middle: Path
) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for path in find_images([shared / "data" / "faces256" / "val" / "real"])[0][:40]:
        (folder / path.name).symlink_to(path.resolve())
    snapshots = [weights_file("own-64"), middle, early]
    study = EquilibriumStudy(tuple(snapshots), tmp_path / "out", folder, EquilibriumPlan(images=40))
    finish_parts(study)
    assert [row.kimg for row in study.table()] == [24, 108, 273]


def test_what_is_packed_comes_back_within_half_a_step(tmp_path: Path, middle: Path) -> None:
    checkpoint = read_checkpoint(middle)
    unpack(pack(checkpoint), tmp_path / "again.safetensors")
    again = read_checkpoint(tmp_path / "again.safetensors")
    assert again.card == checkpoint.card
    for name, network in checkpoint.networks.items():
        assert network.config == again.networks[name].config
        for key, value in network.state.items():
            largest = (
                value.float().flatten(1).abs().amax(1).max() if value.dim() > 1 else value.float().abs().max()
            )
            torch.testing.assert_close(
                again.networks[name].state[key].float(),
                value.float(),
                atol=float(largest) / 30 + 1e-3,
                rtol=0,
            )


@pytest.mark.parametrize("packed", [b"", b"no state", (FOLDER / "own-64-024kimg.xz").read_bytes()[:5000]])
def test_other_bytes_are_refused(packed: bytes, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a packed state"):
        unpack(packed, tmp_path / "weights.safetensors")
