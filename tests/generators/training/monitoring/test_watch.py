"""What a person sees of a run: line, curves, histograms, page, TensorBoard."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from forensics.generators.training.loop import _duration, _Status
from forensics.generators.training.monitoring import curves, tensorboard
from forensics.generators.training.monitoring.discriminator_outputs import (
    BINS,
    OutputLog,
    discriminator_outputs,
    start_middle_end,
)
from forensics.generators.training.monitoring.tensorboard import TensorBoard
from forensics.generators.training.run import Request, run_training
from forensics.generators.training.trainer import Trainer
from forensics.images import decode


@pytest.fixture(scope="module")
def run(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "<b>run"
    run_training(
        out, Request([photographs], "tiny-16", {}, kimg=0.06, snap_kimg=0.02, metrics_kimg=0.04, device="cpu")
    )
    return out


def test_the_page_opens_alone_and_shows_everything(run: Path) -> None:
    page = (run / "training.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:|#)", page)
    assert "<script" not in page
    assert "<b>run" not in page  # a name is text
    assert page.count("data:image/svg+xml") == 3 + 1 + 3  # losses, outputs, p; KID; start, middle, end
    assert "data:image/jpeg" in page
    for word in ("D(x) against D(G(z))", "efficientnet-lite0-imagenet", "r1_gamma", "outside the networks"):
        assert word in page


def test_figures_are_pictures_with_ink(run: Path) -> None:
    for name in ("curves.png", "discriminator-outputs.png"):
        pixels = decode(run / name).pixels
        assert pixels.shape[1] > 1000
        coloured = pixels.astype(int).max(axis=2) - pixels.astype(int).min(axis=2) > 60
        assert coloured.sum() > 500


def test_histograms_of_start_middle_and_end(run: Path) -> None:
    rows = [json.loads(line) for line in (run / "discriminator-outputs.jsonl").read_text().splitlines()]
    assert [row["kimg"] for row in rows] == [0, 0.02, 0.04, 0.06]
    assert all(len(row["real"]) == len(row["fake"]) == BINS for row in rows)
    assert all(sum(row["real"]) == sum(row["fake"]) == 96 for row in rows)
    assert [row.kimg for row in start_middle_end(OutputLog(run, 1).rows)] == [0, 0.04, 0.06]
    assert [row.kimg for row in OutputLog(run, 0.02).rows] == [0, 0.02]


def test_metrics_at_their_interval_and_at_the_end(run: Path) -> None:
    with (run / "metrics.csv").open() as stream:
        assert [row["kimg"] for row in csv.DictReader(stream)] == ["0.04", "0.06"]


def test_watching_does_not_touch_the_training(trainer: Trainer, tmp_path: Path) -> None:
    """A discriminator that has learnt tells the two apart the right way round; looking leaves its weights alone."""
    for _ in range(30):
        trainer.step()
    before = {k: v.clone() for k, v in trainer.D.state_dict().items()}
    real, fake = discriminator_outputs(trainer)
    assert real.mean() > fake.mean()
    assert all(torch.equal(v, before[k]) for k, v in trainer.D.state_dict().items())
    assert np.array_equal(real, discriminator_outputs(trainer)[0])


def test_the_line_has_speed_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0, 20.0, 60.0])
    monkeypatch.setattr("forensics.generators.training.loop.time.monotonic", lambda: next(clock))
    status = _Status(10_000)
    numbers = {"loss_G": 1.234, "loss_D": 0.5, "D_real": 0.61, "D_fake": 0.39, "augment_p": 0.07}
    assert status.line(numbers, 0) == "G 1.23 D 0.50  D(x) 0.61 D(G(z)) 0.39 p 0.07"
    assert status.line(numbers, 100).endswith("10.0 img/s, 16 min left")
    assert status.line(numbers, 200).endswith("10.0 img/s, 16 min left")
    assert status.line(numbers, 1000).endswith("20.0 img/s, 8 min left")  # the window moved on
    assert _duration(8000) == "2 h 13 min"


def test_one_row_is_drawn_as_points(tmp_path: Path) -> None:
    row = {
        "kimg": "4.0",
        "loss_G": "1.5",
        "loss_D": "1.0",
        "D_real": "0.6",
        "D_fake": "0.4",
        "augment_p": "0.1",
    }
    curves.write_png(tmp_path / "one.png", curves.curve_drawers([row]))
    pixels = decode(tmp_path / "one.png").pixels.astype(int)
    assert ((pixels.max(axis=2) - pixels.min(axis=2)) > 60).sum() > 50


def test_tensorboard_gets_the_rows_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[Any, ...]] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            written.append((folder,))

        def add_scalar(self, *arguments: Any) -> None:
            written.append(arguments)

        def flush(self) -> None:
            pass

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(tensorboard, "find_spec", lambda _name: object())
    TensorBoard(tmp_path).add({"kimg": 0.5, "loss_G": 1.5}, 500)
    assert written == [(str(tmp_path / "tensorboard"),), ("loss_G", 1.5, 500)]
    monkeypatch.setattr(tensorboard, "find_spec", lambda _name: None)
    TensorBoard(tmp_path).add({"kimg": 0.5, "loss_G": 1.5}, 500)
    assert len(written) == 2
