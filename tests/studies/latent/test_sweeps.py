"""Latent scaling and single dimensions: what is moved, what is measured, and the ranking."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.core.errors import ForensicsError
from forensics.images import decode
from forensics.studies.latent.rows import LatentTables
from forensics.studies.latent.study import LatentStudy, move_dimensions, study_latent
from forensics.studies.latent.sweeps import (
    FACTORS,
    LatentPlan,
    MovedLatents,
    spread_of,
    where,
)
from forensics.studies.machine import finish_parts
from forensics.studies.subject import load_subject
from tests.studies.made import srcnet_file

PLAN = LatentPlan(images=4)


@pytest.fixture
def moved(shared: Path, tmp_path: Path) -> MovedLatents:
    return MovedLatents(load_subject(srcnet_file(shared, tmp_path)), PLAN)


def test_scaling_multiplies_what_it_says(moved: MovedLatents) -> None:
    assert torch.equal(moved.scaled("w", 2.5), moved.ws * 2.5)
    # The mapping normalises z, so that its size is lost.
    torch.testing.assert_close(moved.scaled("z", 10.0), moved.ws, rtol=1e-4, atol=1e-5)
    average = moved.subject.generator.w_avg
    torch.testing.assert_close(moved.scaled("w - w_avg", 0.5), average + (moved.ws - average) / 2)


def test_one_dimension_is_moved_in_every_layer_and_no_other(moved: MovedLatents) -> None:
    difference = moved.moved(7, -10.0) - moved.ws
    assert torch.all((difference[:, :, 7] + 10).abs() < 1e-5)
    assert torch.count_nonzero(difference) == difference[:, :, 7].numel()
    for dim in (48, -1):
        with pytest.raises(ForensicsError, match="0 to 47"):
            moved.moved(dim, 1.0)


def test_where_finds_the_place() -> None:
    change = np.zeros((24, 24))
    change[2:4, 20:22] = 3.0
    found = where(change)
    assert found.place == "top right"
    assert found.x > 0.8 > 0.2 > found.y
    assert where(np.zeros((24, 24))).place == "centre"


def latent_study(file: Path, out: Path, plan: LatentPlan) -> LatentTables:
    study = LatentStudy(str(file), out, plan)
    finish_parts(study)
    return study.tables()


def test_the_study_ranks_every_dimension_and_resumes(shared: Path, tmp_path: Path) -> None:
    file, out = srcnet_file(shared, tmp_path), tmp_path / "latent"
    result = latent_study(file, out, PLAN)
    assert sorted(row.dim for row in result.dimensions) == list(range(48))
    effects = [row.feature_distance for row in result.dimensions]
    assert effects == sorted(effects, reverse=True)
    assert effects[-1] > 0
    own = {(row.space, row.factor): row for row in result.scaling}
    assert len(own) == 3 * len(FACTORS)
    assert own["w", 1.0].pixel_change == 0
    assert own["w", 10.0].pixel_change > own["w", 1.5].pixel_change > 0
    assert own["w", 10.0].radius > own["w", 0.5].radius
    assert own["z", 10.0].pixel_change < 0.5
    before = {p.name: p.read_bytes() for p in (out / "parts").iterdir()}
    (out / "parts" / "dims-00016.json").unlink()
    latent_study(file, out, PLAN)
    assert {p.name: p.read_bytes() for p in (out / "parts").iterdir()} == before
    with pytest.raises(ForensicsError, match="delta"):
        latent_study(file, out, LatentPlan(images=4, delta=5))


def test_spread_is_that_of_random_latents(moved: MovedLatents) -> None:
    w = moved.subject.generator.map(moved.subject.generator.sample_z(500, seed=9))[:, 0]
    assert spread_of(moved.subject) == pytest.approx(w.std(dim=0).numpy(), rel=0.2)


def test_one_picture_and_bad_options(shared: Path, tmp_path: Path) -> None:
    file = srcnet_file(shared, tmp_path)
    found = move_dimensions(str(file), [3], tmp_path / "one", PLAN)
    sheet = decode(Path(found.image)).pixels
    assert sheet.shape == (4 + 2 * 36, 4 + 4 * 36, 3)
    assert found.pixel_change > 0
    assert np.abs(sheet[:40].astype(int) - sheet[36:76].astype(int)).max() > 0
    with pytest.raises(ForensicsError, match="multiple of 4"):
        LatentPlan(images=3)
    with pytest.raises(ForensicsError, match="delta"):
        LatentPlan(delta=float("nan"))


def test_the_page_and_its_tables(shared: Path, tmp_path: Path) -> None:
    summary = study_latent(str(srcnet_file(shared, tmp_path)), tmp_path / "out", PLAN)
    with (tmp_path / "out" / "dimensions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["dim"]) for row in rows[:10]] == summary.strongest_dimensions
    page = (tmp_path / "out" / "latent.html").read_text(encoding="utf-8")
    assert f"Dimensions {', '.join(row['dim'] for row in rows[:8])}" in page
    assert json.loads((tmp_path / "out" / "evidence.json").read_text())["seeds"] == {"latents": 0}
    for name in (
        "scaling-w",
        "scaling-z",
        "scaling-w-minus-w_avg",
        "scaling",
        "dimensions",
        "dimensions-images",
        "limits",
        "maps",
    ):
        assert (tmp_path / "out" / f"{name}.png").stat().st_size > 1000
