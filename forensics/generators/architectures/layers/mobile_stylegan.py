"""The layers of MobileStyleGAN: styles scale channels, a depthwise and a pointwise convolution follow.

Shapes: n images, i channels in, o out, r x r pixels; float32. There is no demodulation: its mean is in the weights.

Source: Belousov, "MobileStyleGAN: A Lightweight Convolutional Neural Network for High-Fidelity Image Synthesis"
(2021), sections 3.2 (wavelets) and 3.3 (separable convolutions).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.generators.architectures.layers.convolution import conv2d
from forensics.generators.architectures.layers.equalised import LRELU_SLOPE, FullyConnectedLayer
from forensics.generators.architectures.layers.noise import noise_by_mode
from forensics.generators.architectures.layers.wavelet import inverse_haar


class Modulated(nn.Module):
    """A layer whose input channels a style scales: `affine` makes the style, [n, i], of w."""

    def __init__(self, in_channels: int, *, w_dim: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1.0)


class WaveletUp(Modulated):
    """Twice the size, a quarter of the channels: the scaled maps are taken for Haar sub-bands."""

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        """[n, i, r, r] and styles [n, i] to [n, i / 4, 2 r, 2 r]; float32, any value."""
        return inverse_haar(x * styles[:, :, None, None])


class NoisyConv(Modulated):
    """Modulated convolution, noise, bias, leaky ReLU: 3 x 3 depthwise, then 1 x 1; or 3 x 3 over all channels."""

    noise_const: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, *, w_dim: int, resolution: int, separable: bool = True
    ) -> None:
        super().__init__(in_channels, w_dim=w_dim)
        self.resolution = resolution
        self.weight_gain = 1 / math.sqrt(in_channels * 9)
        area = 1 if separable else 3
        if separable:
            self.depthwise = nn.Parameter(torch.randn(in_channels, 1, 3, 3))
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, area, area))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))

    def forward(self, x: Tensor, styles: Tensor, noise: Tensor | None) -> Tensor:
        """[n, i, r, r], styles [n, i] and noise [n or 1, 1, r, r] to [n, o, r, r]; float32, any value."""
        y = x * (styles * self.weight_gain)[:, :, None, None]
        if hasattr(self, "depthwise"):
            y = conv2d(y, self.depthwise, padding=1, groups=self.in_channels)
        y = conv2d(y, self.weight, self.bias, padding=self.weight.shape[-1] // 2)
        if noise is not None:
            y = y + noise * self.noise_strength
        return F.leaky_relu(y, LRELU_SLOPE, inplace=True)

    def noise_map(self, x: Tensor, noise: str) -> Tensor | None:
        """The noise of mode "const", "random" or "none" for the batch of `x`, [1 or n, 1, r, r].

        All float32, any value.
        """
        return noise_by_mode(self.noise_const, x, noise)


class ImageHead(Modulated):
    """Modulated 1 x 1 convolution to the four sub-bands of an image and the inverse transform, or to its pixels."""

    def __init__(self, in_channels: int, img_channels: int, *, w_dim: int, makes_bands: bool = True) -> None:
        super().__init__(in_channels, w_dim=w_dim)
        self.img_channels, self.makes_bands = img_channels, makes_bands
        self.weight_gain = 1 / math.sqrt(in_channels)
        out_channels = 4 * img_channels if makes_bands else img_channels
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        """[n, i, r, r] and styles [n, i] to the image [n, img_channels, 2 r, 2 r], of pixels [.., r, r].

        All float32, any value.
        """
        scaled = x * (styles * self.weight_gain)[:, :, None, None]
        y = conv2d(scaled, self.weight, self.bias)
        return inverse_haar(y) if self.makes_bands else y


class Level(nn.Module):
    """What works at one size: the step up to it, and two convolutions."""

    def __init__(self, in_channels: int, out_channels: int, *, w_dim: int, resolution: int) -> None:
        super().__init__()
        self.up = WaveletUp(in_channels, w_dim=w_dim)
        self.conv0 = NoisyConv(in_channels // 4, out_channels, w_dim=w_dim, resolution=resolution)
        self.conv1 = NoisyConv(out_channels, out_channels, w_dim=w_dim, resolution=resolution)

    def layers(self) -> Iterator[tuple[str, Modulated]]:
        """(name, layer) in the order they run."""
        yield from (("up", self.up), ("conv0", self.conv0), ("conv1", self.conv1))

    def forward(self, x: Tensor, styles: list[Tensor], noise: list[Tensor | None]) -> Tensor:
        """[n, i, r / 2, r / 2], three styles and two noise maps to [n, o, r, r]; float32, any value."""
        x = self.up(x, styles[0])
        x = self.conv0(x, styles[1], noise[0])
        x = self.conv1(x, styles[2], noise[1])
        return x
