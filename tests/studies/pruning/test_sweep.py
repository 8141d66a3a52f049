"""The sweep against pruning a fresh copy at each threshold, its skips, its parts, and killing it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from forensics.core.errors import ForensicsError
from forensics.images import decode
from forensics.studies.effects import Effects, small_features
from forensics.studies.machine import finish_parts
from forensics.studies.pruning.sheets import grid_path
from forensics.studies.pruning.study import PruningStudy, single_threshold, study_pruning
from forensics.studies.pruning.sweep import PrunedImages, SweepPlan, SweepTables
from forensics.studies.subject import Subject, load_subject
from tests.studies.made import srcnet_file

PLAN = SweepPlan(steps=6, every=3, images=4)


@pytest.fixture
def file(shared: Path, tmp_path: Path) -> Path:
    return srcnet_file(shared, tmp_path)


def pruned_afresh(file: Path, threshold: float) -> dict[str, Any]:
    """The study's way: a new copy of the network, a mask on each module's weight_orig."""
    subject = load_subject(file)
    generator = subject.generator
    ws = generator.map(generator.sample_z(PLAN.images))
    before = generator.synthesize(ws)
    count = 0
    for name, value in generator.get_submodule("Src_Net").named_buffers():
        if name.endswith("weight_orig"):
            value *= (value.abs() >= threshold).float()
            count += int((value != 0).sum())
    return {"nonzero": count, **vars(Effects(subject, before).measure(generator.synthesize(ws)))}


def test_every_row_equals_a_freshly_pruned_network(file: Path) -> None:
    images = PrunedImages(load_subject(file), PLAN)
    rows, first = images.rows(PLAN.thresholds, "w")
    assert torch.equal(first, images.images("w"))  # weights are back
    assert [row.threshold for row in rows] == pytest.approx([i / 6 for i in range(7)])
    for index in (0, 1, 3, 6):
        afresh = pruned_afresh(file, PLAN.thresholds[index])
        assert rows[index].nonzero == afresh["nonzero"]
        assert rows[index].d_probability == pytest.approx(afresh["d_probability"], abs=1e-6)
        assert rows[index].pixel_change == pytest.approx(afresh["pixel_change"], abs=0.02)
    assert rows[0].pixel_change == 0
    assert rows[0].feature_distance < 1e-12
    assert rows[6].feature_distance > rows[2].feature_distance > 0


def test_nothing_is_synthesized_where_no_weight_changed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = PrunedImages(load_subject(file), PLAN)
    calls = []
    synthesize = images.subject.synthesize
    monkeypatch.setattr(images.subject, "synthesize", lambda ws: (calls.append(1), synthesize(ws))[1])
    rows, _ = images.rows([0.0, 1e-9, 2e-9, 0.5, 0.5, 0.5], "w")
    assert len(calls) == 2
    assert rows[3].pixel_change == rows[5].pixel_change > 0
    # What only the mapping lost is counted and, from fixed w, changes nothing; from fixed z it does.
    images.layers = [layer for layer in images.layers if layer.block == "mapping"]
    rows, _ = images.rows([0.0, 0.5], "w")
    assert rows[1].nonzero < rows[0].nonzero
    assert len(calls) == 3
    rows, _ = images.rows([0.0, 0.5], "z")
    assert rows[1].pixel_change > 0


def test_a_generator_without_a_discriminator_and_features_of_known_images(file: Path) -> None:
    found = load_subject(file)
    alone = Subject(found.generator, None, found.name, found.file, found.sha256, found.network)
    row = PrunedImages(alone, PLAN).rows([0.5], "w")[0][0]
    assert np.isnan(row.d_probability)
    assert row.pixel_change > 0
    flat = np.full((1, 32, 32, 3), 90, np.uint8)
    assert small_features(flat).shape == (1, 1280)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def pruning_sweep(file: Path, out: Path, plan: SweepPlan) -> SweepTables:
    study = PruningStudy(str(file), out, plan)
    finish_parts(study)
    return study.tables()


def test_parts_are_resumed_and_other_options_refused(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    whole = pruning_sweep(file, out, PLAN)
    before = files_of(out)
    (out / "parts" / "sweep-00003.json").unlink()
    (out / "parts" / "layer-00003.json").unlink()
    grid_path(out, PLAN.thresholds[3]).unlink()
    again = pruning_sweep(file, out, PLAN)
    assert json.dumps(again.to_json()) == json.dumps(whole.to_json())
    assert files_of(out) == before
    assert len(whole.sweep) == 7
    assert {row.name for row in whole.blocks} == {"mapping", "0", "1", "2"}
    assert len(whole.layers) == 22 * 5
    sheet = decode(grid_path(out, 0.0)).pixels
    assert sheet.shape == (4 + 36, 4 + 4 * 36, 3)
    with pytest.raises(ForensicsError, match="seed"):
        pruning_sweep(file, out, SweepPlan(steps=6, every=3, images=4, seed=1))


def test_a_single_threshold_is_the_row_of_the_sweep(file: Path, tmp_path: Path) -> None:
    study_pruning(str(file), tmp_path / "s", PLAN)
    with (tmp_path / "s" / "sweep.csv").open(newline="") as stream:
        row = list(csv.DictReader(stream))[3]
    alone = single_threshold(str(file), PLAN.thresholds[3], PLAN)
    plain = {k: v for k, v in alone.to_json().items() if v is not None}
    assert {k: float(v) for k, v in row.items() if v} == pytest.approx(plain, rel=1e-8)
    assert alone.kid is not None
    page = (tmp_path / "s" / "pruning.html").read_text(encoding="utf-8")
    assert "3 680 500" in page
    assert "24.93" in page


def test_killed_and_run_again_it_equals_one_run_in_two_processes(file: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tests.studies.pruning.sweeping", str(file)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed = tmp_path / "killed"
    process = subprocess.Popen([*words, str(killed), "1"], env=environment)
    deadline = time.monotonic() + 60
    while not list(killed.glob("parts/sweep-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = len(list(killed.glob("parts/*-*.json")))
    assert 0 < done < 3 + 22 + 4 + 16
    subprocess.run([*words, str(killed), "1"], env=environment, check=True)
    subprocess.run([*words, str(tmp_path / "whole"), "2"], env=environment, check=True)
    left = {k: v for k, v in files_of(killed).items() if not k.endswith(".part")}
    assert left == files_of(tmp_path / "whole")


def test_large_images_go_through_in_groups_of_four(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = load_subject(file)
    assert subject.batch == 32
    ws = subject.generator.map(subject.generator.sample_z(8))
    whole = subject.synthesize(ws)
    monkeypatch.setattr(subject.generator, "img_resolution", 1024)
    assert subject.batch == 4
    monkeypatch.setattr(subject.generator, "img_resolution", 32)
    monkeypatch.setattr(type(subject), "batch", 4)
    torch.testing.assert_close(subject.synthesize(ws), whole)
    found = subject.probabilities(whole)
    assert found is not None
    assert subject.discriminator is not None
    torch.testing.assert_close(found[4:], torch.sigmoid(subject.discriminator(whole[4:])).flatten())
