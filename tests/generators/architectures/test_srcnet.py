"""SrcNet against the reference numbers, its count of weights, and its two copies."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.backbones.inputs import IMAGENET_MEAN, IMAGENET_STD
from forensics.generators.architectures.srcnet import SrcNetGenerator
from forensics.generators.architectures.srcnet_discriminator import SrcNetDiscriminator
from tests.generators.architectures.reference import Golden, assert_equal, relative_error

Pair = tuple[Golden, SrcNetGenerator, SrcNetDiscriminator]


@pytest.fixture
def golden(shared: Path) -> Pair:
    """The file of reference numbers and its two networks."""
    g = Golden(shared, "src_net_r32")
    sizes = {
        "img_resolution": g.config["max_res"],
        "num_blocks": g.config["blocks"],
        "channel_max": g.config["max_fmaps"],
        "channel_min": g.config["min_fmaps"],
    }
    generator = SrcNetGenerator(z_dim=g.config["latent"], num_mapping_layers=g.config["n_layers"], **sizes)
    discriminator = SrcNetDiscriminator(**sizes)
    generator.load_state_dict(g.state("G"))
    discriminator.load_state_dict(g.state("D"))
    return g, generator, discriminator


def noise_of(g: Golden) -> list[Tensor]:
    """Its noise maps in layer order."""
    return [g.io(f"noise_{i}")[:, j] for i in range(g.config["blocks"]) for j in (0, 1)]


def test_latents_and_image_equal_the_reference(golden: Pair) -> None:
    g, generator, _ = golden
    ws = generator.map(g.io("z"))
    assert ws.shape == (4, 9, 48)
    for i in range(generator.num_ws):
        assert_equal(ws[:, i], g.io("v"))
    assert_equal(generator.synthesize(ws, noise_of(g)), g.io("image"))


def test_logits_equal_the_reference(golden: Pair) -> None:
    g, _, discriminator = golden
    assert_equal(discriminator(g.io("image")), g.io("logits"))


def test_the_average_makes_the_images_and_the_trained_network_can(golden: Pair) -> None:
    g, generator, _ = golden
    generator.Src_Net.dlatent_avg.fill_(0.25)
    assert torch.equal(generator.map(g.io("z"), psi=0.0), torch.full((4, 9, 48), 0.25))
    generator.use_average = False
    assert torch.equal(generator.map(g.io("z"), psi=0.0), torch.zeros(4, 9, 48))
    trained = generator.synthesize(generator.map(g.io("z")), noise_of(g))
    assert relative_error(trained, g.io("image")) > 0.1
    # The trained network computes what the average would with the same values.
    state = g.state("G")
    mine = {k: v for k, v in state.items() if not k.startswith("Src_Net.")}
    generator.load_state_dict(state | {f"Src_Net.{k}": v for k, v in mine.items()})
    generator.use_average = True
    assert_equal(generator.synthesize(generator.map(g.io("z")), noise_of(g)), trained)


def test_keys_are_those_of_the_checkpoint_and_only_the_trained_copy_is_trained(golden: Pair) -> None:
    g, generator, _ = golden
    assert set(generator.state_dict()) == set(g.state("G"))
    assert all(name.startswith("Src_Net.") or name == "dlatent_avg" for name, _ in generator.named_buffers())
    assert not any(name.startswith("Src_Net.") for name, _ in generator.named_parameters())


def test_the_weight_study_starts_from_its_published_count() -> None:
    with torch.device("meta"):
        generator = SrcNetGenerator()
    counts = {n: p.numel() for n, p in generator.named_parameters() if n.endswith("weight_orig")}
    assert sum(counts.values()) == 3_680_500
    averaged = [b.numel() for n, b in generator.named_buffers() if n.endswith("weight_orig")]
    assert sum(averaged) == 3_680_500
    assert generator.img_resolution == 128
    assert generator.num_ws == 15


def small() -> SrcNetGenerator:
    """A small generator with noise and biases away from zero, the average equal to the trained copy."""
    torch.manual_seed(5)
    generator = SrcNetGenerator(
        z_dim=24, img_resolution=16, num_mapping_layers=2, num_blocks=2, channel_max=16, channel_min=9
    )
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith(("noise_strength", "bias")):
                parameter.normal_()
        generator.update_average(decay=0.0)
    return generator


def test_average_follows_the_trained_network() -> None:
    generator = small()
    before = copy.deepcopy(generator.Src_Net.state_dict())
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(1.0)
        generator.dlatent_avg.add_(2.0)
    generator.update_average(decay=0.75)
    for name, value in generator.Src_Net.state_dict().items():
        step = 2.0 if name == "dlatent_avg" else 1.0
        assert torch.allclose(value, before[name] + 0.25 * step, atol=1e-5), name


def test_a_modulated_layer_equals_the_scaled_kernels_of_the_paper() -> None:
    generator = small()
    layer = dict(generator.modulated_layers())["1.upconv"]
    x, w = torch.randn(3, layer.in_channels, 5, 5), torch.randn(3, 24)
    style = layer.style(w) + 1
    assert_equal(style, w @ layer.style.weight_orig.t() / 24**0.5 + layer.style.bias + 1, 1e-6)
    ours = layer(x, style)
    for i in range(3):
        kernel = layer.weight_orig / (layer.in_channels * 9) ** 0.5 * style[i][:, None, None, None]
        kernel = kernel / (kernel.square().sum(dim=(0, 2, 3), keepdim=True) + 1e-8).sqrt()
        plain = F.conv_transpose2d(x[i : i + 1], kernel, layer.bias, stride=2, padding=1, output_padding=1)
        assert_equal(ours[i : i + 1], plain, 1e-5)


def test_surplus_pixels_are_cropped_evenly() -> None:
    generator = small()
    cropped = SrcNetGenerator(
        z_dim=24, img_resolution=12, num_mapping_layers=2, num_blocks=2, channel_max=16, channel_min=9
    )
    cropped.load_state_dict(generator.state_dict())
    ws = generator.map(generator.sample_z(2))
    assert torch.equal(cropped.synthesize(ws), generator.synthesize(ws)[:, :, 2:14, 2:14])
    with pytest.raises(ValueError, match="2 blocks make 16 pixels, not 32"):
        SrcNetGenerator(img_resolution=32, num_blocks=2)


def test_pixels_are_denormalised() -> None:
    rgb = np.array([[[0, 128, 255], [17, 3, 250]]], dtype=np.uint8)
    mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    x = torch.from_numpy(((rgb / 255 - mean) / std).transpose(2, 0, 1)[None].astype(np.float32))
    generator = small()
    assert np.array_equal(generator.to_uint8(x)[0], rgb)
    assert generator.to_uint8(x * 100).min() == 0
    assert generator.to_uint8(x * 100).max() == 255


def test_fixed_noise_is_the_same_everywhere() -> None:
    first, second = small(), small()
    ws = first.map(first.sample_z(1))
    torch.manual_seed(77)
    image = first.synthesize(ws, "const")
    torch.manual_seed(78)
    assert torch.equal(second.synthesize(ws, "const"), image)


def test_discriminator_learns_from_groups_a_quarter_of_the_batch_apart() -> None:
    torch.manual_seed(6)
    d = SrcNetDiscriminator(img_resolution=16, num_blocks=2, channel_max=12, channel_min=8)
    images = torch.randn(8, 3, 16, 16)
    with torch.no_grad():
        logits = d(images)
        group = d(images[0::2])  # images 0, 2, 4, 6 are the group of image 0
        assert_equal(group, logits[0::2])
        assert relative_error(d(images[:4]), logits[:4]) > 1e-4
    images.requires_grad_()
    (gradient,) = torch.autograd.grad(d(images).sum(), images, create_graph=True)
    gradient.square().sum().backward()
    assert float(d.get_parameter("0.conv.weight_orig").grad.abs().sum()) > 0  # type: ignore[union-attr]
