"""Every registered loss: a finite scalar with a gradient, on a small batch of photographs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch

from forensics.core.registry import methods
from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.architectures.stylegan2_discriminator import StyleGAN2Discriminator
from forensics.generators.training.losses import glo
from forensics.generators.training.losses.contract import Adversarial, LabelledImages
from forensics.generators.training.losses.energy_distance import EnergyDistance
from forensics.generators.training.losses.fixed_features import Lite0Features
from forensics.generators.training.losses.identity import FaceDescriptors, IdentityDistance
from forensics.generators.training.losses.non_saturating import NonSaturating
from forensics.generators.training.losses.path_length import PathLength
from forensics.generators.training.losses.projected import ProjectedDiscriminator
from forensics.generators.training.losses.r1 import r1_penalty
from forensics.generators.training.losses.vision_aided import VisionAided
from forensics.generators.training.losses.wgan_gp import WassersteinGP

CPU = torch.device("cpu")


@dataclass
class Batch:
    """Photographs, generated images with their ws, and both networks, all of 16 px."""

    images: TrainingImages
    real: torch.Tensor
    generator: StyleGAN2Generator
    discriminator: StyleGAN2Discriminator

    def generated(self) -> tuple[torch.Tensor, torch.Tensor]:
        ws = self.generator.map(self.generator.sample_z(4))
        return self.generator.synthesize(ws), ws

    def critic(self, shown: LabelledImages) -> torch.Tensor:
        logits: torch.Tensor = self.discriminator(shown.images)
        return logits


def adversarial(loss: Adversarial, batch: Batch) -> torch.Tensor:
    fake, _ = batch.generated()
    step = loss.discriminator_step(batch.critic, LabelledImages(batch.real), LabelledImages(fake.detach()))
    assert np.isfinite(step.loss)
    assert step.real.shape == step.fake.shape == (4, 1)
    assert any(p.grad is not None and p.grad.norm() > 0 for p in batch.discriminator.parameters())
    return loss.generator_loss(batch.critic(LabelledImages(fake)))


def path_length(batch: Batch) -> torch.Tensor:
    fake, ws = batch.generated()
    return PathLength().penalty(fake, ws, torch.randn_like(fake))[0]


def latent_codes(batch: Batch) -> torch.Tensor:
    codes = glo.LatentCodes(Lite0Features(), batch.images, batch.generator.z_dim, mirror=True)
    codes.place(batch.generator)
    return codes.loss(batch.generator, 4)


def distance(make: Callable[[Batch], EnergyDistance], batch: Batch) -> torch.Tensor:
    return make(batch).loss(batch.generated()[0])


# How each is computed; a loss that is registered and not here fails the first test.
CASES: dict[str, Callable[[Batch], torch.Tensor]] = {
    "non-saturating": partial(adversarial, NonSaturating()),
    "wgan-gp": partial(adversarial, WassersteinGP()),
    "r1": lambda batch: r1_penalty(batch.critic, LabelledImages(batch.real)),
    "path-length": path_length,
    "energy-distance": partial(
        distance, lambda batch: EnergyDistance(Lite0Features().pooled, batch.images, CPU, mirror=False)
    ),
    "identity": partial(
        distance, lambda batch: IdentityDistance(FaceDescriptors(), batch.images, CPU, mirror=False)
    ),
    "glo": latent_codes,
    "projected": lambda batch: ProjectedDiscriminator(Lite0Features()).generator_loss(batch.generated()[0]),
    "vision-aided": lambda batch: -VisionAided()(batch.generated()[0]).mean(),
}


@pytest.fixture
def batch(images: TrainingImages, few_generated: None) -> Batch:
    torch.manual_seed(0)
    sizes = {"img_resolution": 16, "channel_base": 128, "channel_max": 16}
    generator = StyleGAN2Generator(z_dim=16, w_dim=16, num_mapping_layers=2, **sizes)
    real = images.batch(np.arange(4), np.zeros(4, bool))
    return Batch(images, real, generator, StyleGAN2Discriminator(**sizes))


def test_every_loss_has_a_case() -> None:
    named = {one.name for one in methods("loss") if one.target.__module__.startswith("forensics.")}
    assert named == set(CASES)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_finite_scalar_with_a_gradient(name: str, batch: Batch) -> None:
    value = CASES[name](batch)
    assert value.shape == ()
    assert torch.isfinite(value)
    network = batch.discriminator if name == "r1" else batch.generator
    network.zero_grad()
    value.backward()  # type: ignore[no-untyped-call]
    assert any(p.grad is not None and float(p.grad.norm()) > 0 for p in network.parameters())


@pytest.mark.parametrize("one", methods("loss"), ids=lambda one: one.name)
def test_every_card_says_what_it_is_and_who_published_it(one: object) -> None:
    card = one.card  # type: ignore[attr-defined]
    assert card.paper
    assert card.defaults
