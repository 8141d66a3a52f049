"""The plain discriminator and losses are a fair yardstick: they compute what ours compute."""

from __future__ import annotations

import torch

from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.architectures.stylegan2_discriminator import StyleGAN2Discriminator
from forensics.generators.training.augmentation.pipe import PIPELINES, AugmentPipe
from forensics.generators.training.losses.contract import LabelledImages
from forensics.generators.training.options import SamplingOptions
from forensics.generators.training.steps import GradientSteps, Lazy
from tools.speed.plain_training import PlainDiscriminator, PlainSteps, stylegan2_discriminator

SIZES = {"img_resolution": 16, "channel_base": 256, "channel_max": 24}


def test_the_plain_discriminator_gives_the_same_logits() -> None:
    torch.manual_seed(0)
    d = StyleGAN2Discriminator(**SIZES)
    images = torch.rand(8, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        ours, plain = d(images), stylegan2_discriminator(d, images)
    assert float((ours - plain).norm() / plain.norm()) < 1e-5


def test_both_sides_give_the_discriminator_the_same_gradient() -> None:
    gradients = []
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(3)) * 2 - 1
    for plainly in (False, True):
        torch.manual_seed(0)
        g, d = StyleGAN2Generator(**SIZES, z_dim=8, w_dim=8), StyleGAN2Discriminator(**SIZES)
        pipe, sampling = AugmentPipe(PIPELINES["noaug"]), SamplingOptions(style_mixing_prob=0.0)
        if plainly:
            steps: GradientSteps = PlainSteps(g, PlainDiscriminator(d), pipe, sampling=sampling)
        else:
            steps = GradientSteps(g, d, pipe, sampling=sampling)
        steps.r1_step(LabelledImages(images), Lazy(0.1, 16))
        gradients.append(torch.cat([p.grad.flatten() for p in d.parameters() if p.grad is not None]))
    assert float((gradients[0] - gradients[1]).norm() / gradients[1].norm()) < 1e-4
