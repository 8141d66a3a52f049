"""The regularisers against the reference numbers, and the directions of the losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.architectures.stylegan2_discriminator import StyleGAN2Discriminator
from forensics.generators.training.losses.contract import LabelledImages
from forensics.generators.training.losses.path_length import path_lengths
from forensics.generators.training.losses.r1 import gradient_penalty
from forensics.generators.training.options import LossOptions, SamplingOptions
from forensics.generators.training.steps import Lazy
from forensics.generators.training.trainer import Trainer

SIZES = {"img_resolution": 32, "channel_base": 1024, "channel_max": 24}


@pytest.fixture
def reference(shared: Path) -> dict[str, Any]:
    with np.load(shared / "golden" / "stylegan2_r32.npz") as stored:
        return {k: torch.from_numpy(stored[k]) for k in stored.files if k != "config"}


def weights(reference: dict[str, Any], network: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(f"{network}/"): v for k, v in reference.items() if k.startswith(f"{network}/")}


def test_r1_equals_the_reference(reference: dict[str, Any]) -> None:
    discriminator = StyleGAN2Discriminator(**SIZES)
    discriminator.load_state_dict(weights(reference, "D"))
    images = reference["io/image_noise_const"].requires_grad_(True)
    penalty = gradient_penalty(discriminator(images), images)
    torch.testing.assert_close(penalty, reference["io/r1_per_image"], rtol=1e-5, atol=0)


def test_path_lengths_equal_the_reference(reference: dict[str, Any]) -> None:
    generator = StyleGAN2Generator(z_dim=32, w_dim=32, num_mapping_layers=4, **SIZES)
    generator.load_state_dict(weights(reference, "G"))
    ws = reference["io/ws"].requires_grad_(True)
    lengths = path_lengths(generator.synthesize(ws), ws, reference["io/pl_noise"])
    torch.testing.assert_close(lengths, reference["io/pl_lengths"], rtol=1e-5, atol=0)


def test_r1_step_is_half_gamma_times_the_interval(trainer: Trainer, images: TrainingImages) -> None:
    real = LabelledImages(images.batch(np.arange(4), np.zeros(4, bool)))
    grads = []
    for gamma, interval in ((2.0, 1), (0.5, 4)):
        trainer.D.zero_grad()
        trainer.steps.r1_step(real, Lazy(gamma, interval))
        grads.append(torch.cat([p.grad.flatten() for p in trainer.D.parameters() if p.grad is not None]))
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-4, atol=1e-7)
    assert grads[0].norm() > 0


def test_path_length_mean_moves_towards_the_lengths(trainer: Trainer) -> None:
    torch.manual_seed(0)
    trainer.steps.path_length.decay = 0.25
    seen = trainer.steps.path_length_step(4, Lazy(2.0, 4))
    assert float(trainer.steps.path_length.mean) == pytest.approx(0.25 * seen["pl_length"], rel=1e-5)


def test_steps_descend_their_losses(trainer: Trainer, images: TrainingImages) -> None:
    """A small step along the gradient lowers the loss it was taken for."""
    real = LabelledImages(images.batch(np.arange(8), np.zeros(8, bool)))
    losses = []
    for _ in range(2):
        torch.manual_seed(3)
        _, numbers = trainer.steps.discriminator_step(real, 8)
        losses.append(numbers["loss_D"])
        with torch.no_grad():
            for parameter in trainer.D.parameters():
                parameter -= 1e-2 * parameter.grad
        trainer.D.zero_grad()
    assert losses[1] < losses[0]
    losses = []
    for _ in range(2):
        torch.manual_seed(3)
        losses.append(trainer.steps.generator_step(8, track_w_avg=0.995)["loss_G"])
        with torch.no_grad():
            for parameter in trainer.G.parameters():
                if parameter.grad is not None:
                    parameter -= 1e-2 * parameter.grad
        trainer.G.zero_grad()
    assert losses[1] < losses[0]


def test_what_the_discriminator_says_counts_as_its_weight_has_it(trainer: Trainer) -> None:
    gradients = []
    for weight in (1.0, 0.25):
        trainer.steps.losses = LossOptions(adversarial_weight=weight)
        trainer.G.zero_grad()
        torch.manual_seed(3)
        trainer.steps.generator_step(8)
        gradients.append(torch.cat([p.grad.flatten() for p in trainer.G.parameters() if p.grad is not None]))
    assert float(gradients[0].norm()) > 0
    torch.testing.assert_close(gradients[1], 0.25 * gradients[0])


def test_style_mixing_crosses_two_ws_at_one_layer(trainer: Trainer) -> None:
    trainer.steps.sampling = SamplingOptions(style_mixing_prob=1.0)
    torch.manual_seed(0)
    _, ws = trainer.steps.fakes(3)
    same_as_before = (ws[:, 1:] == ws[:, :-1]).all(dim=2)
    assert (same_as_before.sum(dim=1) == ws.shape[1] - 2).all()
    trainer.steps.sampling = SamplingOptions(style_mixing_prob=0.0)
    _, ws = trainer.steps.fakes(3)
    assert (ws == ws[:, :1]).all()


def test_training_s_faces_are_truncated_to_a_psi_of_their_own(trainer: Trainer) -> None:
    def distances() -> torch.Tensor:
        torch.manual_seed(0)
        return (trainer.steps.fakes(64)[1][:, 0].detach() - trainer.G.w_avg).norm(dim=1)

    trainer.steps.sampling = SamplingOptions(style_mixing_prob=0.0)
    trainer.G.w_avg.add_(0.5)
    whole = distances()
    trainer.steps.sampling = SamplingOptions(style_mixing_prob=0.0, lowest_psi=0.5)
    psi = distances() / whole
    assert 0.5 < float(psi.min()) < 0.55
    assert 0.95 < float(psi.max()) < 1
    assert len(psi.round(decimals=3).unique()) > 32
