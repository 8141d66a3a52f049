"""StyleGAN2 against the reference numbers, and each architecture against a plain computation of it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.core.errors import ForensicsError
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.architectures.stylegan2_discriminator import StyleGAN2Discriminator
from forensics.generators.labels import choose_class
from tests.generators.architectures.reference import Golden, assert_equal
from tools.speed import plain

Pair = tuple[Golden, StyleGAN2Generator, StyleGAN2Discriminator]


@pytest.fixture(params=["stylegan2_r32", "stylegan2_cond_r16"])
def golden(request: pytest.FixtureRequest, shared: Path) -> Pair:
    """A file of reference numbers and its two networks."""
    g = Golden(shared, request.param)
    sizes = {k: g.config[k] for k in ("c_dim", "img_resolution", "channel_base", "channel_max")}
    generator = StyleGAN2Generator(
        z_dim=g.config["z_dim"],
        w_dim=g.config["w_dim"],
        num_mapping_layers=g.config["num_mapping_layers"],
        architecture=g.config["g_architecture"],
        **sizes,
    )
    discriminator = StyleGAN2Discriminator(architecture=g.config["d_architecture"], **sizes)
    generator.load_state_dict(g.state("G"))
    discriminator.load_state_dict(g.state("D"))
    return (
        g,
        generator.to(memory_format=torch.channels_last),
        discriminator.to(memory_format=torch.channels_last),
    )


def labels(golden: Golden) -> Tensor | None:
    """The labels, where the network has any."""
    return golden.io("c") if golden.has("c") else None


def test_mapping_and_truncation_equal_the_reference(golden: Pair) -> None:
    g, generator, _ = golden
    z, c = g.io("z"), labels(g)
    assert_equal(generator.map(z, c), g.io("ws"))
    assert_equal(generator.map(z, c, psi=0.7, cutoff=4), g.io("ws_psi07_cutoff4"))


@pytest.mark.parametrize("grad", [True, False])
def test_images_equal_the_reference(golden: Pair, grad: bool) -> None:
    g, generator, _ = golden
    with torch.set_grad_enabled(grad):
        assert_equal(generator.synthesize(g.io("ws")), g.io("image_noise_const"))
        assert_equal(generator.synthesize(g.io("ws"), "none"), g.io("image_noise_none"))
        assert_equal(generator.synthesize(g.io("ws_psi07_cutoff4")), g.io("image_psi07_cutoff4"))


def test_logits_and_r1_equal_the_reference(golden: Pair) -> None:
    g, _, discriminator = golden
    image = g.io("image_noise_const").requires_grad_()
    logits = discriminator(image, labels(g))
    assert_equal(logits, g.io("logits"))
    (gradient,) = torch.autograd.grad(logits.sum(), image, create_graph=True)
    r1 = gradient.square().sum(dim=(1, 2, 3))
    assert_equal(r1, g.io("r1_per_image"))
    r1.sum().backward()
    assert float(discriminator.b4.conv.weight.grad.abs().sum()) > 0  # type: ignore[union-attr]


def test_path_lengths_equal_the_reference(golden: Pair) -> None:
    g, generator, _ = golden
    ws = g.io("ws").requires_grad_()
    (gradient,) = torch.autograd.grad(
        (generator.synthesize(ws) * g.io("pl_noise")).sum(), ws, create_graph=True
    )
    lengths = gradient.square().sum(dim=2).mean(dim=1).sqrt()
    assert_equal(lengths, g.io("pl_lengths"))
    lengths.square().sum().backward()
    assert float(generator.synthesis.b8.conv0.weight.grad.abs().sum()) > 0  # type: ignore[union-attr, operator]


def test_a_conditional_network_asks_for_its_label(golden: Pair) -> None:
    g, generator, discriminator = golden
    if g.config["c_dim"] == 0:
        assert torch.equal(generator.map(g.io("z"), None), generator.map(g.io("z")))
        return
    with pytest.raises(ForensicsError, match="has 3 classes; choose one of 0 to 2 with --class"):
        generator.map(g.io("z"))
    with pytest.raises(ForensicsError, match="has no class 3; choose one of 0 to 2"):
        choose_class(generator, 3)
    choose_class(generator, 1)
    second = F.one_hot(torch.ones(len(g.io("z")), dtype=torch.long), 3).float()
    assert torch.equal(generator.map(g.io("z")), generator.map(g.io("z"), second))
    choose_class(generator, None)
    with pytest.raises(ValueError, match="conditional"):
        discriminator(g.io("image_noise_const"))
    rolled = g.io("c").roll(1, dims=1)
    assert not torch.allclose(generator.map(g.io("z"), rolled), g.io("ws"), atol=0.01)


def test_published_sizes() -> None:
    with torch.device("meta"):
        large, small = StyleGAN2Generator(), StyleGAN2Generator(img_resolution=256, channel_base=16384)
        critics = StyleGAN2Discriminator(), StyleGAN2Discriminator(img_resolution=256, channel_base=16384)
    assert (large.num_ws, large.s_dim) == (18, 9088)
    assert list(large.style_sizes)[:3] == ["b4.conv1", "b4.torgb", "b8.conv0"]
    counts = [sum(p.numel() for p in net.parameters()) for net in (large, small, *critics)]
    assert [round(count / 1e6, 2) for count in counts] == [30.37, 24.77, 29.01, 24.00]


def generator_of(architecture: str, conv_clamp: float | None = None) -> StyleGAN2Generator:
    """A small generator with all of its parts away from zero."""
    torch.manual_seed(1)
    generator = StyleGAN2Generator(
        z_dim=16,
        w_dim=24,
        img_resolution=32,
        channel_base=384,
        channel_max=24,
        num_mapping_layers=2,
        architecture=architecture,
        conv_clamp=conv_clamp,
    )
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith(("noise_strength", "bias")):
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return generator


@pytest.mark.parametrize("conv_clamp", [None, 0.6])
@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_each_architecture_equals_the_plain_computation(architecture: str, conv_clamp: float | None) -> None:
    generator = generator_of(architecture, conv_clamp)
    ws = generator.map(generator.sample_z(3 * generator.num_ws))[:, 0].view(3, generator.num_ws, -1)
    for noise in ("const", "none"):
        expected = plain.stylegan2_synthesis(generator, ws, noise)
        assert_equal(generator.synthesize(ws, noise), expected)
        channels_last = generator_of(architecture, conv_clamp).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.no_grad():
            assert_equal(channels_last.synthesize(ws, noise), expected)
    if conv_clamp is not None:
        free = generator_of(architecture)
        assert not torch.allclose(free.synthesize(ws), generator.synthesize(ws), atol=1e-2)


def test_colours_are_made_at_every_size_by_skip_only() -> None:
    names = [name for name, _, _ in generator_of("resnet").synthesis.modulated_layers()]
    assert [name for name in names if "torgb" in name] == ["b32.torgb"]
    assert generator_of("resnet").num_ws == generator_of("skip").num_ws == 8


def plain_logits(d: StyleGAN2Discriminator, img: Tensor) -> Tensor:
    """The discriminator with filters at full size and every step a pass of its own."""

    def conv(layer: nn.Module, x: Tensor, gain: float = 1.0) -> Tensor:
        k = layer.kernel_size
        if layer.resample == "down":
            p = (k - 1) // 2  # what the filter's own padding leaves to the kernel
            x = plain.upfirdn2d(x, layer.resample_filter, pad=(p + 1, p + 1, p + 1, p + 1))
            x = F.conv2d(x, layer.weight * layer.weight_gain)[:, :, ::2, ::2]
        else:
            x = F.conv2d(x, layer.weight * layer.weight_gain, padding=k // 2)
        if layer.bias is not None:
            x = x + layer.bias[:, None, None]
        if layer.activation == "lrelu":
            x = F.leaky_relu(x, 0.2) * math.sqrt(2)
        x = x * gain
        return x if layer.conv_clamp is None else x.clamp(-layer.conv_clamp * gain, layer.conv_clamp * gain)

    x: Tensor | None = None
    for r in d.resolutions:
        block = getattr(d, f"b{r}")
        if x is None or block.architecture == "skip":
            colours = conv(block.fromrgb, img)
            x = colours if x is None else x + colours
        if block.architecture == "skip":
            img = plain.upfirdn2d(img, block.resample_filter, down=2, pad=(1, 1, 1, 1))
        if block.architecture == "resnet":
            x = conv(block.skip, x, math.sqrt(0.5)) + conv(block.conv1, conv(block.conv0, x), math.sqrt(0.5))
        else:
            x = conv(block.conv1, conv(block.conv0, x))
    assert x is not None
    end = d.b4
    if hasattr(end, "fromrgb"):
        x = x + conv(end.fromrgb, img)
    if end.mbstd is not None:
        x = end.mbstd(x)
    return end.out(end.fc(conv(end.conv, x).flatten(1)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("conv_clamp", [None, 0.5])
@pytest.mark.parametrize("architecture", ["resnet", "skip", "orig"])
def test_each_discriminator_equals_the_plain_computation(architecture: str, conv_clamp: float | None) -> None:
    torch.manual_seed(2)
    d = StyleGAN2Discriminator(
        img_resolution=32,
        channel_base=384,
        channel_max=24,
        architecture=architecture,
        conv_clamp=conv_clamp,
        mbstd_group_size=2,
        mbstd_num_channels=2,
    )
    with torch.no_grad():
        for name, parameter in d.named_parameters():
            if name.endswith("bias"):
                parameter.normal_()
    img = torch.randn(4, 3, 32, 32)
    assert_equal(d(img), plain_logits(d, img))
    assert_equal(d.to(memory_format=torch.channels_last)(img), plain_logits(d, img))


def test_minibatch_std_sees_the_group_and_can_be_left_out() -> None:
    torch.manual_seed(2)
    sizes = {"img_resolution": 16, "channel_base": 128, "channel_max": 8}
    img = torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        alone = StyleGAN2Discriminator(mbstd_num_channels=0, **sizes)  # type: ignore[arg-type]
        assert_equal(alone(img)[:1], alone(img[:1]))
        grouped = StyleGAN2Discriminator(mbstd_group_size=None, **sizes)  # type: ignore[arg-type]
        assert not torch.allclose(grouped(img)[:1], grouped(img[:1]), atol=1e-4)


def test_unknown_architectures_are_refused() -> None:
    with pytest.raises(ValueError, match="skip, resnet or orig, not 'swagan'"):
        StyleGAN2Generator(img_resolution=8, architecture="swagan")
    with pytest.raises(ValueError, match="resnet, skip or orig, not 'swagan'"):
        StyleGAN2Discriminator(img_resolution=8, architecture="swagan")


@pytest.mark.parametrize("architecture", ["skip", "orig"])
@pytest.mark.parametrize("noise", ["const", "none"])
def test_maps_in_factors_have_the_gradients_of_whole_ones(architecture: str, noise: str) -> None:
    """Training hands maps on in two factors; where a layer is looked at it hands on what it puts out."""
    generator = generator_of(architecture).double()
    ws = generator.broadcast_w(torch.randn(2, 16, dtype=torch.float64), None).detach().requires_grad_()
    probe = torch.randn(2, 3, 32, 32, dtype=torch.float64)

    def image_and_gradients() -> list[Tensor]:
        image = generator.synthesize(ws, noise)
        (gradient,) = torch.autograd.grad((image * probe).sum(), ws, create_graph=True)
        generator.zero_grad()
        (image.square().sum() + gradient.square().sum()).backward()  # type: ignore[no-untyped-call]
        grads = [p.grad.clone() for p in generator.synthesis.parameters() if p.grad is not None]
        return [image.detach(), gradient.detach(), *grads]

    in_factors = image_and_gradients()
    seen: list[Tensor] = []
    for at in ("b4.conv1", "b16.conv0"):  # the other blocks go on in factors
        layer = generator.synthesis.get_submodule(at)
        layer.register_forward_hook(lambda _module, _inputs, out: seen.append(out))
    half_whole = image_and_gradients()
    assert [tuple(out.shape[2:]) for out in seen] == [(4, 4), (16, 16)]
    for name, _ in generator.synthesis.blocks():
        generator.synthesis.get_submodule(name).register_forward_hook(lambda *_: None)
    whole = image_and_gradients()
    for found, mixed, expected in zip(in_factors, half_whole, whole, strict=True):
        assert float((found - expected).norm()) <= 1e-10 * float(expected.norm())
        assert float((mixed - expected).norm()) <= 1e-10 * float(expected.norm())
