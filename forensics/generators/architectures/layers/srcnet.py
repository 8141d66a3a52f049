"""Layers of SrcNet, shared by its generator and its discriminator: equalised, modulated, noisy.

Module names are those of its `checkpoint.pt`. Shapes: n images, c channels, r pixels a side.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (CVPR 2020), section 2.2, for the
modulation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.generators.architectures.layers.equalised import LRELU_GAIN, LRELU_SLOPE

# A leaky ReLU of slope 0.2 times this keeps the variance: sqrt(2 / (1 + 0.2^2)).
GAIN = LRELU_GAIN / math.sqrt(1 + LRELU_SLOPE**2)


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.2, times sqrt(2 / 1.04); float32 [n, c, h, w], any value."""
    return F.leaky_relu(x, LRELU_SLOPE) * GAIN


def widths(first: int, last: int, blocks: int) -> list[int]:
    """Feature maps before, between and after the blocks: a straight line, truncated to integers."""
    return [int(x) for x in np.linspace(first, last, blocks + 1)]


class EqualisedLinear(nn.Module):
    """Linear layer whose stored `weight_orig` [out, in] ~ N(0, 1) is used divided by sqrt(in)."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight_orig = nn.Parameter(torch.randn(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features))

    def forward(self, x: Tensor) -> Tensor:
        """[n, in] to [n, out]; float32, any value."""
        return F.linear(x, self.weight_orig / math.sqrt(x.shape[1]), self.bias)


class EqualisedConv(nn.Module):
    """Convolution whose stored `weight_orig` [out, in, k, k] ~ N(0, 1) is used divided by sqrt(in k^2)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding
        self.scale = 1 / math.sqrt(in_channels * kernel_size**2)
        self.weight_orig = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """[n, in, r, r] to [n, out, r', r']; float32, any value."""
        return F.conv2d(x, self.weight_orig * self.scale, self.bias, self.stride, self.padding)


class ModulatedConv(nn.Module):
    """Equalised convolution whose input channels are scaled by a style, the linear image of w plus 1.

    `up` doubles the size by a transposed 3x3 convolution (its `weight_orig` is [in, out, 3, 3]). `demodulate`
    divides each output channel by the norm of its scaled kernel.
    """

    def __init__(
        self, w_dim: int, in_channels: int, out_channels: int, kernel_size: int, *, up: bool, demodulate: bool
    ) -> None:
        super().__init__()
        self.in_channels, self.up, self.demodulate = in_channels, up, demodulate
        self.scale = 1 / math.sqrt(in_channels * kernel_size**2)
        pair = (in_channels, out_channels) if up else (out_channels, in_channels)
        self.weight_orig = nn.Parameter(torch.randn(*pair, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.style = EqualisedLinear(w_dim, in_channels)

    def forward(self, x: Tensor, styles: Tensor, gain: float = 1.0) -> Tensor:
        """[n, in, r, r] and style [n, in] to [n, out, r, r], or of 2r pixels, with bias; all times `gain`.

        All float32, any value.
        """
        weight = self.weight_orig * self.scale
        x = x * styles[:, :, None, None]
        if self.up:
            y = F.conv_transpose2d(x, weight, stride=2, padding=1, output_padding=1)
        else:
            y = F.conv2d(x, weight, padding=weight.shape[2] // 2)
        bias = (self.bias * gain)[:, None, None]
        if not self.demodulate:
            return torch.add(bias, y, alpha=gain)
        power = weight.square().sum(dim=(2, 3))  # [in, out] of the transposed kernel, else [out, in]
        d = (styles.square() @ (power if self.up else power.t()) + 1e-8).rsqrt() * gain
        return torch.addcmul(bias, y, d[:, :, None, None])


class NoiseInjection(nn.Module):
    """Adds one map, the same for all channels, times the learned `noise_strength` [1]."""

    def __init__(self) -> None:
        super().__init__()
        self.noise_strength = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor | None, gain: float = 1.0) -> Tensor:
        """[n, c, r, r] plus noise [n or 1, 1, r, r] times strength and `gain`; None adds nothing.

        All float32, any value.
        """
        return x if noise is None else x + noise * (self.noise_strength * gain)


class SynthesisBlock(nn.Module):
    """Doubles the size, then convolves; adds its colours to the image so far."""

    def __init__(self, w_dim: int, in_channels: int, out_channels: int, img_channels: int) -> None:
        super().__init__()
        middle = (in_channels + out_channels) // 2
        self.upconv = ModulatedConv(w_dim, in_channels, middle, 3, up=True, demodulate=True)
        self.conv = ModulatedConv(w_dim, middle, out_channels, 3, up=False, demodulate=True)
        self.noise, self.noise2 = NoiseInjection(), NoiseInjection()
        self.to_channels = ModulatedConv(w_dim, out_channels, img_channels, 1, up=False, demodulate=False)

    def layers(self) -> Iterator[tuple[str, ModulatedConv]]:
        """(name, layer) of the modulated layers in the order they run."""
        yield "upconv", self.upconv
        yield "conv", self.conv
        yield "to_channels", self.to_channels

    def forward(
        self, x: Tensor, image: Tensor | None, styles: Sequence[Tensor], noise: Sequence[Tensor | None]
    ) -> tuple[Tensor, Tensor]:
        """Features and image of r pixels to those of 2r; styles of the three layers, two noise maps."""
        # The leaky ReLU is homogeneous: its gain moves into what it is applied to.
        x = self.noise(self.upconv(x, styles[0], GAIN), noise[0], GAIN)
        x = self.conv(F.leaky_relu(x, LRELU_SLOPE), styles[1], GAIN)
        x = F.leaky_relu(self.noise2(x, noise[1], GAIN), LRELU_SLOPE)
        colours: Tensor = self.to_channels(x, styles[2])
        if image is not None:
            colours = colours + F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
        return x, colours
