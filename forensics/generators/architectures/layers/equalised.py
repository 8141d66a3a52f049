"""Layers with equalised learning rate, as the StyleGAN family has them, and minibatch std.

Shapes: n images, c channels, h x w pixels; float32. All of it is twice differentiable (R1, path length).

Source: Karras et al., "Progressive Growing of GANs" (2018), sections 4.1 (equalised learning rate) and 3 (minibatch
std).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.generators.architectures.layers.convolution import conv2d
from forensics.generators.architectures.layers.filtering import downsample2d, fir, fir_filter, upsample2d

LRELU_SLOPE = 0.2
LRELU_GAIN = math.sqrt(2.0)


def normalize_2nd_moment(x: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Scale `x` to unit mean square along `dim`; float32 of the same shape [.., c, ..], any value."""
    return x * (x.square().mean(dim=dim, keepdim=True) + eps).rsqrt()


class FullyConnectedLayer(nn.Module):
    """Linear layer with equalised learning rate: the stored `weight` [out, in] is N(0, 1) / lr_multiplier and is
    used times lr_multiplier / sqrt(in). `activation` is "linear" or "lrelu" (slope 0.2, gain sqrt 2)."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        activation: str = "linear",
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full([out_features], float(bias_init)))
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """[n, in] to [n, out]; float32, any value."""
        gain = LRELU_GAIN if self.activation == "lrelu" else 1.0
        y = torch.addmm(
            self.bias, x, self.weight.t(), beta=self.bias_gain * gain, alpha=self.weight_gain * gain
        )
        return F.leaky_relu(y, LRELU_SLOPE, inplace=True) if self.activation == "lrelu" else y


class Conv2dLayer(nn.Module):
    """Equalised convolution of the discriminator and of residual skips, with x2 up- or down-sampling
    where `resample` is "up" or "down".

    Activation, gain and weight scale are folded into the weights: the leaky ReLU is homogeneous.
    """

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        bias: bool = True,
        activation: str = "linear",
        resample: str = "",
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.activation, self.resample, self.conv_clamp = activation, resample, conv_clamp
        self.kernel_size = kernel_size
        self.weight_gain = 1.0 / math.sqrt(in_channels * kernel_size**2)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.register_buffer("resample_filter", fir_filter())

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """[n, in, h, w] to [n, out, h', w'], resampled, times `gain`; float32, any value."""
        total_gain = gain * (LRELU_GAIN if self.activation == "lrelu" else 1.0)
        weight = self.weight * (self.weight_gain * total_gain)
        bias = None if self.bias is None else self.bias * total_gain
        y = self._convolve(x, weight, bias)
        if self.activation == "lrelu":
            y = F.leaky_relu(y, LRELU_SLOPE, inplace=True)
        if self.conv_clamp is not None:
            y = y.clamp(-self.conv_clamp * gain, self.conv_clamp * gain)
        return y

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not self.resample:
            return conv2d(x, weight, bias, padding=self.kernel_size // 2)
        if self.kernel_size == 1:
            if self.resample == "down":
                return conv2d(downsample2d(x, self.resample_filter), weight, bias)
            return upsample2d(conv2d(x, weight, bias), self.resample_filter)
        if self.resample == "down":
            # 3x3 kernel: the FIR's pad of 2 leaves h + 1 pixels, of which the strided kernel makes h / 2.
            blurred = fir(x, self.resample_filter.flip((0, 1)), padding=2)
            return conv2d(blurred, weight, bias, stride=2)
        raise ValueError("a 3x3 Conv2dLayer upsamples nowhere in this family")


class MinibatchStdLayer(nn.Module):
    """Append the standard deviation over groups of `group_size` samples as `num_channels` constant maps."""

    def __init__(self, group_size: int | None, num_channels: int = 1) -> None:
        super().__init__()
        self.group_size, self.num_channels = group_size, num_channels

    def forward(self, x: Tensor) -> Tensor:
        """[n, c, h, w] to [n, c + num_channels, h, w]; n must be a multiple of the group size; float32, any value."""
        n, c, h, w = x.shape
        group = n if self.group_size is None else min(self.group_size, n)
        y = x.reshape(group, -1, self.num_channels, c // self.num_channels, h, w)
        y = (y - y.mean(dim=0)).square().mean(dim=0)
        y = (y + 1e-8).sqrt().mean(dim=(2, 3, 4))
        y = y.reshape(-1, self.num_channels, 1, 1).repeat(group, 1, h, w)
        return torch.cat([x, y], dim=1)
