"""ProGAN: pixel norm, growth, and its blocks against the steps the paper lists."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from forensics.generators.architectures.layers.progressive import pixel_norm
from forensics.generators.architectures.progan import ProGANGenerator, SynthesisBlock
from forensics.generators.architectures.progan_discriminator import DiscriminatorBlock, ProGANDiscriminator
from tests.generators.architectures import growing
from tests.generators.architectures.reference import assert_equal

WIDTHS: dict[str, Any] = {"channel_base": 384, "channel_max": 20}


def randomise_biases(network: nn.Module) -> None:
    """Move every bias away from zero."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.3)


def generator_of(resolution: int) -> ProGANGenerator:
    """A small generator."""
    torch.manual_seed(9)
    generator = ProGANGenerator(z_dim=16, img_resolution=resolution, **WIDTHS)
    randomise_biases(generator)
    return generator


def discriminator_of(resolution: int) -> ProGANDiscriminator:
    """Its opponent."""
    torch.manual_seed(10)
    return ProGANDiscriminator(img_resolution=resolution, **WIDTHS)


def test_pixel_norm_brings_every_pixel_to_unit_mean_square_and_keeps_directions() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 8, 4, 4) * 6
    y = pixel_norm(x)
    assert torch.allclose(y.square().mean(dim=1), torch.ones(2, 4, 4), atol=1e-5)
    assert torch.allclose(F.cosine_similarity(x, y, dim=1), torch.ones(2, 4, 4), atol=1e-5)
    assert torch.allclose(pixel_norm(y), y, atol=1e-6)
    assert torch.equal(pixel_norm(torch.zeros(1, 8)), torch.zeros(1, 8))


def test_w_is_the_normalised_latent() -> None:
    generator = generator_of(8)
    z = generator.sample_z(3)
    ws = generator.map(z)
    assert ws.shape == (3, 1, 16)
    assert torch.allclose(ws[:, 0], F.normalize(z) * 4, atol=1e-6)
    assert torch.allclose(generator.map(z, psi=0.5), ws / 2)


def test_blocks_take_the_steps_in_the_order_of_the_paper() -> None:
    torch.manual_seed(1)
    first, second = SynthesisBlock(0, 6, 3, z_dim=10), SynthesisBlock(6, 4, 3, z_dim=10)
    randomise_biases(first)
    randomise_biases(second)
    z = torch.randn(2, 10)
    y = F.linear(z, first.dense.weight * (math.sqrt(2) / 4 / math.sqrt(10)), first.dense.bias)
    y = pixel_norm(F.leaky_relu(y.view(2, 6, 4, 4), 0.2))
    y = F.conv2d(y, first.conv1.weight * math.sqrt(2 / 54), first.conv1.bias, padding=1)
    y = pixel_norm(F.leaky_relu(y, 0.2))
    assert_equal(first(z), y, 1e-5)
    doubled = F.interpolate(y, scale_factor=2, mode="nearest")
    doubled = F.conv2d(doubled, second.conv0.weight * math.sqrt(2 / 54), second.conv0.bias, padding=1)
    doubled = pixel_norm(F.leaky_relu(doubled, 0.2))
    doubled = F.conv2d(doubled, second.conv1.weight * math.sqrt(2 / 36), second.conv1.bias, padding=1)
    assert_equal(second(y), pixel_norm(F.leaky_relu(doubled, 0.2)), 1e-5)


def test_discriminator_blocks_average_with_and_without_a_blur() -> None:
    torch.manual_seed(2)
    x = torch.randn(2, 4, 8, 8)
    for blur in (False, True):
        block = DiscriminatorBlock(4, 6, 3, blur=blur)
        randomise_biases(block)
        y = F.leaky_relu(F.conv2d(x, block.conv0.weight / math.sqrt(18), block.conv0.bias, padding=1), 0.2)
        if blur:
            assert block.blur is not None
            y = F.conv2d(block.blur(y), block.conv1.weight / math.sqrt(18), padding=1)
            y = F.leaky_relu(F.avg_pool2d(y, 2) + block.conv1.bias[:, None, None], 0.2)  # type: ignore[index]
        else:
            y = F.conv2d(y, block.conv1.weight / math.sqrt(18), block.conv1.bias, padding=1)
            y = F.avg_pool2d(F.leaky_relu(y, 0.2), 2)
        assert_equal(block(x), y, 1e-5)


def test_published_sizes() -> None:
    with torch.device("meta"):
        generator, discriminator = ProGANGenerator(), ProGANDiscriminator()
    millions = [
        round(sum(p.numel() for p in net.parameters()) / 1e6, 1) for net in (generator, discriminator)
    ]
    assert millions == [23.1, 23.1]  # the paper's count


def test_generator_grows_and_fades() -> None:
    growing.check_generator_grows(generator_of)


def test_discriminator_grows_and_fades() -> None:
    growing.check_discriminator_grows(discriminator_of)


def test_the_smallest_stage_is_a_flat_enlargement_of_sixteen_pixels() -> None:
    generator = generator_of(32)
    generator.set_stage(4)
    image = generator.synthesize(generator.map(generator.sample_z(1)))
    assert torch.equal(image, F.interpolate(image[:, :, ::8, ::8], scale_factor=8, mode="nearest"))
