"""Each shared layer against the plain computation: zero-stuffing, dense filters, weights of each sample's own."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.generators.architectures.layers.equalised import (
    Conv2dLayer,
    FullyConnectedLayer,
    MinibatchStdLayer,
    normalize_2nd_moment,
)
from forensics.generators.architectures.layers.filtering import downsample2d, fir, fir_filter, upsample2d
from forensics.generators.architectures.layers.modulation import demodulation, modulated_conv2d
from tests.generators.architectures.reference import assert_equal
from tools.speed import plain

# Not symmetric, so that a filter applied the wrong way round is seen.
LOPSIDED = torch.outer(torch.tensor([1.0, 4.0, 2.0, 0.5]), torch.tensor([0.3, 1.0, 2.0, 3.0])) / 47.0


@pytest.fixture(autouse=True)
def seed() -> None:
    """The same draws in every run."""
    torch.manual_seed(0)


def test_upsampling_is_zero_stuffing_and_a_filter() -> None:
    x = torch.randn(2, 3, 5, 7)
    assert_equal(upsample2d(x, LOPSIDED), plain.upfirdn2d(x, LOPSIDED, up=2, pad=(2, 1, 2, 1), gain=4), 1e-6)


def test_downsampling_is_a_filter_and_dropped_pixels() -> None:
    x = torch.randn(2, 3, 6, 8)
    assert_equal(downsample2d(x, LOPSIDED), plain.upfirdn2d(x, LOPSIDED, down=2, pad=(1, 1, 1, 1)), 1e-6)


def test_fir_correlates_every_channel_with_zeros_outside() -> None:
    x = torch.randn(2, 3, 6, 5)
    expected = plain.upfirdn2d(x, LOPSIDED.flip((0, 1)), pad=(2, 2, 2, 2))
    assert_equal(fir(x, LOPSIDED, padding=2), expected, 1e-6)
    assert_equal(fir(x.clone().requires_grad_(), LOPSIDED, padding=2), expected, 1e-6)


@pytest.mark.parametrize("padding", [0, 2])
def test_fir_has_first_and_second_derivatives(padding: int) -> None:
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)

    def squared(y: Tensor) -> Tensor:
        return fir(y, LOPSIDED.double(), padding=padding).square()

    assert torch.autograd.gradcheck(squared, (x,))
    assert torch.autograd.gradgradcheck(squared, (x,))


def test_the_filter_sums_to_one() -> None:
    kernel = fir_filter()
    assert kernel.shape == (4, 4)
    assert float(kernel.sum()) == pytest.approx(1)
    assert torch.equal(kernel * 64, torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])))


@pytest.mark.parametrize("up", [False, True])
def test_modulated_convolution_equals_one_with_weights_of_each_samples_own(up: bool) -> None:
    x, weight, styles = torch.randn(3, 4, 6, 6), torch.randn(5, 4, 3, 3), torch.randn(3, 4)
    demodulated = modulated_conv2d(x, weight, styles, up_filter=LOPSIDED if up else None)
    demodulated = demodulated * demodulation(weight, styles)[:, :, None, None]
    for i in range(3):
        w = weight * styles[i, None, :, None, None]
        w = w / (w.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up:
            stuffed = F.conv_transpose2d(x[i : i + 1], w.transpose(0, 1), stride=2)
            expected = plain.upfirdn2d(stuffed, LOPSIDED, pad=(1, 1, 1, 1), gain=4)
        else:
            expected = F.conv2d(x[i : i + 1], w, padding=1)
        assert_equal(demodulated[i : i + 1], expected, 1e-5)


@pytest.mark.parametrize(("up", "down", "kernel"), [(1, 1, 3), (1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 2, 3)])
def test_convolution_layer_is_scaled_filtered_activated_and_clamped(up: int, down: int, kernel: int) -> None:
    resample = "up" if up == 2 else "down" if down == 2 else ""
    layer = Conv2dLayer(4, 6, kernel, activation="lrelu", resample=resample, conv_clamp=0.8)
    with torch.no_grad():
        layer.bias.normal_()  # type: ignore[union-attr]
    layer.resample_filter.copy_(LOPSIDED)
    x, gain = torch.randn(2, 4, 8, 8), math.sqrt(0.5)
    weight = layer.weight / math.sqrt(4 * kernel**2)
    if up == 2:  # its bias comes before the filter
        y = plain.upfirdn2d(F.conv2d(x, weight, layer.bias), LOPSIDED, up=2, pad=(2, 1, 2, 1), gain=4)
    elif down == 2 and kernel == 1:
        y = F.conv2d(plain.upfirdn2d(x, LOPSIDED, down=2, pad=(1, 1, 1, 1)), weight)
    elif down == 2:
        y = F.conv2d(plain.upfirdn2d(x, LOPSIDED, pad=(2, 2, 2, 2)), weight, stride=2)
    else:
        y = F.conv2d(x, weight, padding=kernel // 2)
    if up == 1:
        y = y + layer.bias[:, None, None]  # type: ignore[index]
    expected = (F.leaky_relu(y, 0.2) * math.sqrt(2) * gain).clamp(-0.8 * gain, 0.8 * gain)
    ours = layer(x, gain=gain).detach()
    assert_equal(ours, expected, 1e-6)
    assert float(ours.abs().max()) == pytest.approx(0.8 * gain), "the clamp must have acted"


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.01])
def test_linear_layer_keeps_the_variance_whatever_the_learning_rate_multiplier(lr_multiplier: float) -> None:
    layer = FullyConnectedLayer(256, 512, lr_multiplier=lr_multiplier)
    assert float(layer.weight.detach().std()) == pytest.approx(1 / lr_multiplier, rel=0.02)
    assert float(layer(torch.randn(64, 256)).detach().std()) == pytest.approx(1, rel=0.05)


def test_linear_layer_scales_weight_and_bias_and_activates() -> None:
    layer = FullyConnectedLayer(8, 3, activation="lrelu", lr_multiplier=0.1, bias_init=2.0)
    x = torch.randn(5, 8)
    pre = x @ layer.weight.t() * (0.1 / math.sqrt(8)) + 0.1 * 2.0
    assert_equal(layer(x), F.leaky_relu(pre, 0.2) * math.sqrt(2), 1e-6)


@pytest.mark.parametrize(("group", "channels", "n"), [(4, 1, 8), (2, 3, 8), (None, 2, 6), (4, 1, 2)])
def test_minibatch_std_averages_the_deviation_over_a_strided_group(
    group: int | None, channels: int, n: int
) -> None:
    x = torch.randn(n, 6, 4, 4)
    y = MinibatchStdLayer(group, channels)(x)
    assert torch.equal(y[:, :6], x)
    size = n if group is None else min(group, n)
    stride, width = n // size, 6 // channels
    for i in range(n):
        members = x[[j for j in range(n) if j % stride == i % stride]]
        assert len(members) == size
        for k in range(channels):
            part = members[:, k * width : (k + 1) * width]
            expected = (part.var(dim=0, correction=0) + 1e-8).sqrt().mean()
            assert torch.allclose(y[i, 6 + k], expected.expand(4, 4), rtol=1e-5)


def test_second_moment_is_brought_to_one() -> None:
    x = normalize_2nd_moment(torch.randn(4, 32) * 7)
    assert torch.allclose(x.square().mean(dim=1), torch.ones(4))
