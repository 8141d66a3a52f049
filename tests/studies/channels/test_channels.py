"""Channels taken out of a file: what is saved, the rows of the study, and what has none to lose."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from forensics.core.errors import ForensicsError
from forensics.generators.base import load_generator
from forensics.generators.checkpoints import read_checkpoint
from forensics.generators.pruning.channels import RANKINGS
from forensics.studies.channels.narrowing import save_narrowed, size_of
from forensics.studies.channels.rows import sheet_path
from forensics.studies.channels.study import ChannelPlan, ChannelStudy, one_share
from forensics.studies.channels.timing import SHARES
from forensics.studies.machine import finish_parts
from forensics.studies.pruning import study as pruning
from forensics.studies.pruning.sweep import SweepPlan
from tests.studies.made import srcnet_file

PLAN = ChannelPlan(images=4)


def test_a_saved_network_loads_and_repeats(shared: Path, tmp_path: Path) -> None:
    file = str(srcnet_file(shared, tmp_path))
    facts = save_narrowed(file, 0.25, "style", tmp_path / "less.safetensors")
    again = save_narrowed(file, 0.25, "style", tmp_path / "again.safetensors")
    assert facts.sha256 == again.sha256
    less, whole = load_generator(tmp_path / "less.safetensors", "cpu"), load_generator(file, "cpu")
    assert size_of(less).gflop < 0.75 * size_of(whole).gflop
    ws = whole.map(whole.sample_z(2))
    torch.testing.assert_close(less.map(less.sample_z(2)), ws)  # the mapping stays
    change = (less.synthesize(ws) - whole.synthesize(ws)).abs().mean()
    assert 0 < change < whole.synthesize(ws).abs().mean()
    checkpoint = read_checkpoint(tmp_path / "less.safetensors")
    assert checkpoint.card["channels_pruned"]["share"] == 0.25
    assert "D" in checkpoint.networks
    with pytest.raises(ForensicsError, match="safetensors"):
        save_narrowed(file, 0.25, "style", tmp_path / "less.pt")
    with pytest.raises(ForensicsError, match="input"):
        save_narrowed(str(tmp_path / "less.safetensors"), 0.25, "style", tmp_path / "less.safetensors")


def test_the_study_has_a_row_a_ranking_and_share_and_its_rows_are_those_asked_for_alone(
    shared: Path, tmp_path: Path
) -> None:
    file = str(srcnet_file(shared, tmp_path))
    study = ChannelStudy(file, tmp_path / "out", PLAN)
    finish_parts(study)
    rows = study.table()
    assert [(row.ranking, row.share) for row in rows[1:]] == [(r, s) for r in RANKINGS for s in SHARES]
    assert rows[0].pixel_change == 0
    by_name = {(row.ranking, row.share): row for row in rows}
    for ranking in RANKINGS:
        own = [by_name[ranking, share] for share in SHARES]
        assert [row.gflop for row in own] == sorted((row.gflop for row in own), reverse=True)
        assert own[0].pixel_change > 0
    assert all(sheet_path(tmp_path / "out", row).is_file() for row in rows)
    alone = one_share(file, 0.25, "style", PLAN)
    assert alone.times_as_fast > 0
    asked = by_name["style", 0.25]
    assert {key: getattr(alone, key) for key in vars(asked) if key != "d_probability"} == {
        key: value for key, value in vars(asked).items() if key != "d_probability"
    }
    assert alone.d_probability == pytest.approx(asked.d_probability)


def test_a_network_of_another_kind_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "can_lose_channels", lambda network: False)
    assert pruning.PruningStudy("own-64", tmp_path, SweepPlan(images=4)).children() == ()
