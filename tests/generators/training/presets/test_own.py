"""The recipes of what ships: as measured, as far as the cards say; what they begin with, and how they end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from forensics.core.errors import ForensicsError
from forensics.core.files import sha256_file
from forensics.core.weights import weights_file
from forensics.generators.base import load_generator
from forensics.generators.checkpoints import read_checkpoint
from forensics.generators.training import presets
from forensics.generators.training.options import Length, Phase, read_options
from forensics.generators.training.presets import PRESETS, ending, resolve
from forensics.generators.training.presets.preset import Ending, Start
from forensics.generators.training.run import START, Request, recipe, run_training

OWN = ("own-64", "own-128")


@pytest.mark.parametrize("name", OWN)
def test_the_expected_result_is_what_was_measured_on_the_weights_that_ship(name: str) -> None:
    expected, weights = PRESETS[name].expected, weights_file(name)
    assert expected is not None
    measured = json.loads((weights.parent / "quality.json").read_text())
    scores = measured["scores"]
    assert (expected.kid, expected.precision, expected.recall) == tuple(
        scores[key] for key in ("kid", "precision", "recall")
    )
    assert expected.n == scores["n_real"] == scores["n_fake"]
    assert expected.weights_sha256 == sha256_file(weights)


@pytest.mark.parametrize("name", OWN)
def test_the_last_phase_is_what_the_card_of_the_weights_says(name: str) -> None:
    preset, card = PRESETS[name], read_checkpoint(weights_file(name)).card
    options = resolve(name)
    last = options.in_phase(len(options.phases) - 1).to_json()
    said = read_options(card["options"]).to_json()
    own = {"preset", "transfer", "transfer_kimg", "phases"}
    assert {k for k in said if said[k] != last[k]} <= own
    assert preset.start is not None
    assert preset.start.sha256 == said["transfer"]
    assert sum(run.kimg for run in preset.lineage) == said["transfer_kimg"]
    assert preset.ending is not None
    assert preset.ending.psi_1_was == card["psi_1_was"]
    assert len(preset.ending.mean_of_kimg) == len(card.get("mean_of", []))


def test_a_recipe_is_plain_data(tmp_path: Path) -> None:
    for name in PRESETS:
        shown = json.loads(json.dumps(recipe(Request(preset=name))))
        assert shown["preset"] == name
        assert shown["options"]["resolution"] >= 16
    shown = recipe(Request(preset="own-64", changes={"batch": 8}, kimg=3))
    assert (shown["kimg"], shown["snap_kimg"]) == (3, 1)
    assert shown["options"]["batch"] == 8  # type: ignore[index]


def test_it_ends_with_a_mean_and_psi_moved(photographs: Path, tmp_path: Path, short_recipe: None) -> None:
    """A recipe of two presets: the first is trained, the second begins with it, and its snapshots become one file."""
    request = Request([photographs], "short-second", device="cpu")
    summary = run_training(tmp_path / "run", request)
    assert summary is not None
    assert summary.network == tmp_path / "run" / ending.FILE
    card = read_checkpoint(summary.network).card
    assert card["psi_1_was"] == 0.9
    assert [share for share, _ in card["mean_of"]] == [1.0, 1.0]
    assert summary.options.transfer == sha256_file(next((tmp_path / "run" / START).glob("network-*")))
    assert load_generator(summary.network, "cpu").img_resolution == 16
    before = summary.network.read_bytes()
    again = run_training(tmp_path / "run", request)
    assert again is not None
    assert again.network == summary.network
    assert summary.network.read_bytes() == before


def test_kimg_counts_what_it_begins_with(photographs: Path, tmp_path: Path, short_recipe: None) -> None:
    request = Request([photographs], "short-second", kimg=0.08, snap_kimg=0.08, device="cpu")
    summary = run_training(tmp_path / "run", request)
    assert summary is not None
    assert (summary.kimg, summary.network.parent) == (0.08, tmp_path / "run" / START)
    assert not list((tmp_path / "run").glob("network-*"))


def test_snapshots_that_a_mean_needs_are_asked_for_before(short_recipe: None) -> None:
    made = PRESETS["short-second"].ending
    with pytest.raises(ForensicsError, match=r"the mean of 1, 2 kimg.*leaves out 1: give --snap 1"):
        ending.check_ending(made, Length(2, 2))
    ending.check_ending(made, Length(1, 2))


@pytest.fixture
def short_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = PRESETS["tiny-16"].making
    first = replace(
        PRESETS["tiny-16"], kimg=0.2, snap_kimg=1, making=lambda *_: tiny(None, None).with_(batch=40)
    )
    second = replace(
        first,
        kimg=2,
        start=Start("short-first"),
        ending=Ending(2, (1, 2), psi_1_was=0.9),
        making=lambda *_: first.making(None, None).with_(phases=(Phase(1, {"lr_g": 0.001}, psi_1_was=0.9),)),
    )
    monkeypatch.setitem(presets.PRESETS, "short-first", first)
    monkeypatch.setitem(presets.PRESETS, "short-second", second)


@pytest.mark.parametrize("name", OWN)
def test_every_phase_trains(name: str, few_generated: None, images: object, tmp_path: Path) -> None:
    from forensics.generators.training.trainer import Trainer
    from tests.generators.training.presets.test_presets import SMALL

    options = resolve(name, **SMALL)
    quick = tuple(replace(phase, from_kimg=0.004 * (i + 1)) for i, phase in enumerate(options.phases))
    trainer = Trainer(replace(options, phases=quick), images, tmp_path, torch.device("cpu"))  # type: ignore[arg-type]
    places = []
    for _ in range(len(quick) + 1):
        numbers = trainer.step()
        places.append(trainer.schedule.phase)
        assert all(value == value for value in numbers.values())
    assert places == list(range(-1, len(quick)))
