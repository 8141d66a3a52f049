"""Phases of a run: what holds when, that psi is moved once, and that a kill between two changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.training.options import Phase, TrainingOptions
from forensics.generators.training.presets import resolve
from forensics.generators.training.trainer import Trainer

PHASES = (
    Phase(0.008, {"lr_g": 0.001, "adversarial_weight": 0.5}),
    Phase(0.016, {"lr_g": 0.0005, "ema_kimg": 1.0}, psi_1_was=0.8),
)


@pytest.fixture
def options() -> TrainingOptions:
    return resolve("tiny-16", phases=PHASES)


def test_each_phase_has_its_options_and_the_next_begins_from_the_run_s(
    options: TrainingOptions, images: TrainingImages, tmp_path: Path
) -> None:
    trainer = Trainer(options, images, tmp_path, torch.device("cpu"))
    seen = []
    for _ in range(6):
        trainer.step()
        now = trainer.schedule.now
        rates = trainer.opt_G.param_groups[0]["lr"], trainer.opt_D.param_groups[0]["lr"]
        seen.append((rates[0], now.losses.adversarial_weight, now.average.ema_kimg))
        assert trainer.steps.losses is now.losses
        assert rates[1] == pytest.approx(0.0025 * 16 / 17)  # R1 is lazy: a 17th step where 16 were meant
    first, second, third = (0.0025, 1.0, 10.0), (0.001, 0.5, 10.0), (0.0005, 1.0, 1.0)
    assert [pytest.approx(one) for one in (first, first, second, second, third, third)] == seen


def test_psi_is_moved_when_its_phase_begins_and_once(
    options: TrainingOptions, images: TrainingImages, tmp_path: Path
) -> None:
    trainer = Trainer(options, images, tmp_path, torch.device("cpu"))
    for _ in range(4):
        trainer.step()
    affine = trainer.G.synthesis.b16.conv1.affine
    z = trainer.G.sample_z(4)
    with torch.no_grad():
        wanted = trainer.G.synthesize(trainer.G.map(z, psi=0.8))
        trainer.schedule.begin(trainer.nimg)
        moved = affine.weight.clone()
        torch.testing.assert_close(trainer.G.synthesize(trainer.G.map(z)), wanted, atol=1e-4, rtol=1e-3)
        trainer.schedule.begin(trainer.nimg)
    assert torch.equal(affine.weight, moved)


@pytest.mark.parametrize("iterations", [2, 3, 4, 5])
def test_a_run_killed_before_in_or_after_a_phase_goes_on_alike(
    options: TrainingOptions, images: TrainingImages, tmp_path: Path, iterations: int
) -> None:
    """4 images an iteration: the phases begin with iterations 3 and 5."""
    whole, first = (Trainer(options, images, tmp_path, torch.device("cpu")) for _ in range(2))
    for _ in range(7):
        whole.step()
    for _ in range(iterations):
        first.step()
    first.save()
    second = Trainer(options, images, tmp_path, torch.device("cpu"))
    assert second.resume()
    for _ in range(7 - iterations):
        second.step()
    for network in ("G", "D", "G_ema"):
        one, two = getattr(whole, network).state_dict(), getattr(second, network).state_dict()
        assert [k for k in one if not torch.equal(one[k], two[k])] == [], network


def test_a_run_with_phases_begins_as_one_without(images: TrainingImages, tmp_path: Path) -> None:
    plain, phased = resolve("tiny-16"), resolve("tiny-16", phases=(replace(PHASES[0], from_kimg=1),))
    one, two = (Trainer(o, images, tmp_path, torch.device("cpu")) for o in (plain, phased))
    assert [one.step() for _ in range(3)] == [two.step() for _ in range(3)]


def test_what_a_person_sets_holds_in_every_phase() -> None:
    options = resolve("own-128", lr_g=0.003)
    assert {options.in_phase(place).optimiser.lr_g for place in range(-1, len(options.phases))} == {0.003}
    assert options.in_phase(0).optimiser.lr_d == 0.001
