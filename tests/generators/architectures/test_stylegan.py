"""StyleGAN: its normalisation, its growth, and its layers against the steps the paper lists."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from forensics.generators.architectures.layers.progressive import Blur, ScaledConv
from forensics.generators.architectures.stylegan import (
    StyleGANGenerator,
    SynthesisLayer,
    adaptive_instance_norm,
)
from forensics.generators.architectures.stylegan_discriminator import StyleGANDiscriminator
from tests.generators.architectures import growing
from tests.generators.architectures.reference import assert_equal, relative_error

WIDTHS = {"channel_base": 384, "channel_max": 20}


def generator_of(resolution: int) -> StyleGANGenerator:
    """A small generator with noise, biases and the mean of W away from zero."""
    torch.manual_seed(7)
    sizes: dict[str, Any] = {"z_dim": 16, "w_dim": 24, "num_mapping_layers": 3, **WIDTHS}
    generator = StyleGANGenerator(img_resolution=resolution, **sizes)
    with torch.no_grad():
        for name, value in generator.state_dict().items():
            if name.endswith(("noise_strength", "bias", "w_avg")):
                value.normal_(std=0.3)
    return generator


def discriminator_of(resolution: int) -> StyleGANDiscriminator:
    """Its opponent."""
    torch.manual_seed(8)
    return StyleGANDiscriminator(img_resolution=resolution, **WIDTHS)


def test_adain_gives_each_map_the_mean_and_deviation_of_its_style() -> None:
    torch.manual_seed(0)
    x, styles = torch.randn(3, 4, 9, 9) * 5 + 2, torch.randn(3, 8)
    y = adaptive_instance_norm(x, styles)
    assert torch.allclose(y.mean(dim=(2, 3)), styles[:, 4:], atol=1e-5)
    assert torch.allclose(y.std(dim=(2, 3), correction=0), (styles[:, :4] + 1).abs(), atol=1e-5)
    normal = F.instance_norm(x, eps=1e-8)
    assert_equal(y, normal * (styles[:, :4, None, None] + 1) + styles[:, 4:, None, None], 1e-5)


def test_a_layer_takes_the_steps_in_the_order_of_the_paper() -> None:
    torch.manual_seed(1)
    layer = SynthesisLayer(6, 5, w_dim=4, resolution=8, up=True)
    with torch.no_grad():
        layer.noise_strength.normal_()
        layer.bias.normal_()
    assert layer.conv is not None
    x, w, noise = torch.randn(2, 6, 4, 4), torch.randn(2, 4), torch.randn(2, 1, 8, 8)
    y = F.interpolate(x, scale_factor=2, mode="nearest")
    y = F.conv2d(y, layer.conv.weight * math.sqrt(2 / (6 * 9)), padding=1)
    taps = torch.tensor([1.0, 2.0, 1.0]) / 4
    y = F.conv2d(y, torch.outer(taps, taps).expand(5, 1, 3, 3), padding=1, groups=5)
    y = F.leaky_relu(y + noise * layer.noise_strength[:, None, None] + layer.bias[:, None, None], 0.2)
    style = w @ layer.affine.weight.t() / 2 + layer.affine.bias
    y = F.instance_norm(y, eps=1e-8) * (style[:, :5, None, None] + 1) + style[:, 5:, None, None]
    assert_equal(layer(x, layer.affine(w), noise), y, 1e-5)


@pytest.mark.parametrize("resample", ["up", "down"])
def test_doubling_or_averaging_is_folded_into_the_kernel_exactly(resample: str) -> None:
    torch.manual_seed(2)
    layer = ScaledConv(3, 5, 3, resample=resample)
    x, weight = torch.randn(2, 3, 8, 8), layer.weight * layer.weight_gain
    with torch.no_grad():
        assert layer.bias is not None
        layer.bias.normal_()
    if resample == "up":
        doubled = F.interpolate(x, scale_factor=2, mode="nearest")
        expected = F.conv2d(doubled, weight, layer.bias, padding=1)
    else:
        expected = F.avg_pool2d(F.conv2d(x, weight, layer.bias, padding=1), 2)
    assert_equal(layer(x), expected, 1e-6)


def test_blur_keeps_a_flat_field_and_removes_the_checkerboard() -> None:
    flat = Blur()(torch.ones(1, 2, 6, 6))
    assert torch.allclose(flat[:, :, 1:-1, 1:-1], torch.ones(1, 2, 4, 4))
    checks = (torch.arange(6)[:, None] + torch.arange(6)) % 2 * 2.0 - 1
    assert float(Blur()(checks[None, None])[:, :, 1:-1, 1:-1].abs().max()) < 1e-6


def test_published_sizes() -> None:
    with torch.device("meta"):
        generator, discriminator = StyleGANGenerator(), StyleGANDiscriminator()
    assert generator.num_ws == 18
    assert round(sum(p.numel() for p in generator.parameters()) / 1e6, 1) == 26.2  # the paper's count
    assert round(sum(p.numel() for p in discriminator.parameters()) / 1e6, 1) == 23.1


def test_mapping_starts_from_a_normalised_latent() -> None:
    generator = generator_of(8)
    z = generator.sample_z(3)
    assert_equal(generator.map(z * 9), generator.map(z), 1e-5)
    assert torch.allclose(generator.map(z, psi=0.7, cutoff=1)[:, 1:], generator.map(z)[:, 1:])


def test_styles_mix_at_the_crossover() -> None:
    generator = generator_of(16)
    a, b = generator.map(generator.sample_z(2)), generator.map(generator.sample_z(2, seed=1))
    mixed = generator.mix(a, b, 2)
    assert torch.equal(mixed[:, :2], a[:, :2])
    assert torch.equal(mixed[:, 2:], b[:, 2:])
    images = [generator.synthesize(ws) for ws in (a, b, mixed)]
    assert all(relative_error(images[2], image) > 0.05 for image in images[:2])
    assert torch.equal(generator.mix(a, b, generator.num_ws), a)
    assert torch.equal(generator.mix(a, b, 0), b)
    with pytest.raises(ValueError, match="from 0 to 6, not 7"):
        generator.mix(a, b, 7)


def test_generator_grows_and_fades() -> None:
    growing.check_generator_grows(generator_of)


def test_discriminator_grows_and_fades() -> None:
    growing.check_discriminator_grows(discriminator_of)


def test_level_of_detail_is_saved() -> None:
    generator, twin = generator_of(16), generator_of(16)
    generator.set_stage(16, 0.5)
    twin.load_state_dict(generator.state_dict())
    ws = generator.map(generator.sample_z(1))
    assert torch.equal(twin.synthesize(ws), generator.synthesize(ws))
    assert float(twin.synthesis.lod) == 0.5
