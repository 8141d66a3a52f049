"""The layers and blocks of the StyleGAN2 generator.

Each layer computes the same numbers in two ways. Where gradients may be wanted: one shared convolution between two
channel scalings. For images alone: a convolution with the sample's own weights, demodulation and gains already in
them, the bias inside it, and everything after it in place. In training a block goes further: a layer's demodulation
waits for the next layer, whose styles take it up (`Scaled`).

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (CVPR 2020), section 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.generators.architectures.layers.convolution import needs_gradient
from forensics.generators.architectures.layers.equalised import (
    LRELU_GAIN,
    LRELU_SLOPE,
    Conv2dLayer,
    FullyConnectedLayer,
)
from forensics.generators.architectures.layers.filtering import fir, fir_filter, upsample2d
from forensics.generators.architectures.layers.modulation import demodulation, modulated_conv2d
from forensics.generators.architectures.layers.noise import noise_by_mode

# Weights of a layer that stay in a core's second-level cache while they are scaled (float32, 1 MB).
_CACHED_WEIGHTS = 1 << 18


class Scaled(NamedTuple):
    """Feature maps in two factors: `x` [n, c, h, w] times `scale` [n, c].

    Whoever convolves the maps scales them first, by styles that can be multiplied by `scale` beforehand: two passes
    over maps less, and four less for their gradient.
    """

    x: Tensor
    scale: Tensor

    def whole(self) -> Tensor:
        """The product; float32 [n, c, h, w], any value."""
        return self.x * self.scale[:, :, None, None]


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution (x2 up where asked), noise, bias, leaky ReLU."""

    noise_const: Tensor
    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        w_dim: int,
        resolution: int,
        up: int,
        conv_clamp: float | None,
    ) -> None:
        super().__init__()
        self.in_channels, self.resolution, self.up, self.conv_clamp = in_channels, resolution, up, conv_clamp
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.register_buffer("resample_filter", fir_filter())

    def forward(self, x: Tensor, styles: Tensor, noise: Tensor | None, gain: float = 1.0) -> Tensor:
        """[n, in, r / up, r / up] to [n, out, r, r]; `noise` [n or 1, 1, r, r] is added before the bias.

        All float32, any value.
        """
        scale = LRELU_GAIN * gain  # the leaky ReLU is homogeneous: its gain moves into what it is applied to
        strength = self.noise_strength * scale
        cheap = self.folds or self.weight.numel() <= _CACHED_WEIGHTS
        if cheap and len(styles) == 1 and not needs_gradient(x, styles, noise, *self.parameters()):
            y = self._with_own_weights(x, styles[0], scale)
            if noise is not None:
                y.add_(noise * strength)
        else:
            d = demodulation(self.weight, styles) * scale
            y = modulated_conv2d(
                x, self.weight, styles, up_filter=self.resample_filter if self.up == 2 else None
            )
            # Bias first, then noise: their sum would be a tensor as large as y, and not in its layout. Not addcmul,
            # whose derivative makes one more copy of y.
            y = (y * d[:, :, None, None]).add_((self.bias * scale)[:, None, None])
            if noise is not None:
                y.add_(noise * strength)
        y = F.leaky_relu(y, LRELU_SLOPE, inplace=True)
        return y if self.conv_clamp is None else y.clamp(-self.conv_clamp * gain, self.conv_clamp * gain)

    def scaled(self, x: Tensor | Scaled, styles: Tensor, noise: Tensor | None) -> Scaled:
        """What the layer puts out, in two factors. Not for a layer that clamps."""
        d = demodulation(self.weight, styles)
        if isinstance(x, Scaled):
            styles = styles * x.scale
            x = x.x
        y = modulated_conv2d(x, self.weight, styles, up_filter=self.resample_filter if self.up == 2 else None)
        n, c, h, w = y.shape
        # lrelu(d y + b + s noise) = d lrelu(y + b / d + s noise / d), as d > 0. The sum is one product of few terms,
        # and so are the gradients of b, s and d.
        maps, weights = y.new_ones(n, h * w, 1), self.bias.expand(n, 1, c)
        if noise is not None:
            maps = torch.cat([maps, noise.flatten(1)[:, :, None].expand(n, -1, -1)], dim=2)
            weights = torch.cat([weights, self.noise_strength.expand(n, 1, c)], dim=1)
        pixels = torch.baddbmm(y.permute(0, 2, 3, 1).reshape(n, h * w, c), maps, weights / d[:, None])
        pixels = F.leaky_relu(pixels, LRELU_SLOPE, inplace=True)
        return Scaled(pixels.reshape(n, h, w, c).permute(0, 3, 1, 2), d * LRELU_GAIN)

    @property
    def folds(self) -> bool:
        """Whether scaling one sample's weights costs less than scaling its maps before and after."""
        out_channels, in_channels = self.weight.shape[:2]
        return self.resolution**2 * (in_channels + out_channels) > 9 * in_channels * out_channels

    def _with_own_weights(self, x: Tensor, style: Tensor, scale: float) -> Tensor:
        """One sample's convolution with its own demodulated weights, made from `style` [in], and the bias."""
        bias = self.bias * scale
        if self.up == 1:
            weight = self.weight * style[:, None, None]
            norms = torch.linalg.vector_norm(weight, dim=(1, 2, 3)).square_()
            return F.conv2d(x, weight.mul_(_inverse(norms, scale)[:, None, None, None]), bias, padding=1)
        weight = self.weight.transpose(0, 1) * style[:, None, None, None]
        norms = weight.square().sum(dim=(0, 2, 3))
        y = F.conv_transpose2d(x, weight.mul_(_inverse(norms, scale)[:, None, None]), stride=2)
        return fir(y, self.resample_filter * 4.0, padding=1, bias=bias)

    def noise_map(self, x: Tensor, noise: str) -> Tensor | None:
        """The noise of mode "const", "random" or "none" for the batch of `x`; float32 [n or 1, 1, h, w], normal."""
        return noise_by_mode(self.noise_const, x, noise)


def _inverse(norms: Tensor, scale: float) -> Tensor:
    """`scale` / norm, from squared norms that are overwritten."""
    return norms.add_(1e-8).rsqrt_().mul_(scale)


class ToRGBLayer(nn.Module):
    """Modulated 1x1 convolution to the image channels: no demodulation, no activation."""

    def __init__(self, in_channels: int, out_channels: int, *, w_dim: int, conv_clamp: float | None) -> None:
        super().__init__()
        self.in_channels, self.conv_clamp = in_channels, conv_clamp
        self.weight_gain = 1.0 / math.sqrt(in_channels)
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        """[n, in, r, r] to [n, out, r, r]; float32, any value."""
        # Few outputs: each sample's own [out, in] matrix is smaller than a scaled copy of x.
        kernels = self.weight[:, :, 0, 0] * (styles * self.weight_gain)[:, None, :]
        n, c, h, w = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(n, h * w, c)
        if needs_gradient(x, styles, *self.parameters()):  # the gradient keeps the layout of x
            y = torch.baddbmm(self.bias[None, None, :], pixels, kernels.transpose(1, 2))
            y = y.reshape(n, h, w, -1).permute(0, 3, 1, 2)
        else:
            y = torch.baddbmm(self.bias[:, None], kernels, pixels.transpose(1, 2)).reshape(n, -1, h, w)
        return y if self.conv_clamp is None else y.clamp(-self.conv_clamp, self.conv_clamp)


@dataclass(frozen=True)
class StyleGAN2Config:
    """Constructor arguments of `StyleGAN2Generator`; see there."""

    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    img_resolution: int = 1024
    img_channels: int = 3
    channel_base: int = 32768
    channel_max: int = 512
    num_mapping_layers: int = 8
    mapping_lr_multiplier: float = 0.01
    architecture: str = "skip"
    conv_clamp: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a resolution that blocks of doubled size do not reach."""
        check_resolution(self.img_resolution)


def check_resolution(resolution: int) -> None:
    """Raises ValueError where `resolution`, in pixels, is no power of two from 8 up."""
    if not isinstance(resolution, int) or resolution < 8 or resolution & (resolution - 1):
        raise ValueError(f"img_resolution is a power of two from 8 up, not {resolution!r}")


class SynthesisBlock(nn.Module):
    """The layers of one resolution. `layers()` names its modulated layers in the order they run."""

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        resolution: int,
        config: StyleGAN2Config,
    ) -> None:
        super().__init__()
        w_dim, architecture, conv_clamp = config.w_dim, config.architecture, config.conv_clamp
        self.in_channels, self.architecture = in_channels, architecture
        self.register_buffer("resample_filter", fir_filter())
        options: Any = {"w_dim": w_dim, "resolution": resolution, "conv_clamp": conv_clamp}
        if in_channels == 0:
            self.const = nn.Parameter(torch.randn(out_channels, resolution, resolution))
        else:
            self.conv0 = SynthesisLayer(in_channels, out_channels, up=2, **options)
        self.conv1 = SynthesisLayer(out_channels, out_channels, up=1, **options)
        self.has_torgb = resolution == config.img_resolution or architecture == "skip"
        if self.has_torgb:
            self.torgb = ToRGBLayer(out_channels, config.img_channels, w_dim=w_dim, conv_clamp=conv_clamp)
        if in_channels != 0 and architecture == "resnet":
            self.skip = Conv2dLayer(in_channels, out_channels, 1, bias=False, resample="up")

    @property
    def large(self) -> bool:
        """Whether samples are better run one by one: their maps outweigh the weights."""
        return self.conv1.folds

    def layers(self) -> Iterator[tuple[str, SynthesisLayer | ToRGBLayer]]:
        """(name, layer) of the modulated layers."""
        for name in ("conv0", "conv1", "torgb"):
            if hasattr(self, name):
                yield name, getattr(self, name)

    def forward(
        self, x: Tensor | Scaled | None, img: Tensor | None, styles: list[Tensor], noise: list[Tensor | None]
    ) -> tuple[Tensor | Scaled, Tensor | None]:
        """Features and image of the block before to those of this one; `styles` and `noise` as `layers()`."""
        in_factors = self._works_in_factors(x, *styles)
        if isinstance(x, Scaled) and not in_factors:
            x = x.whole()
        if x is None:
            n = styles[0].shape[0]
            x = self.const[None].expand(n, -1, -1, -1).contiguous(memory_format=torch.channels_last)
        if in_factors:
            for k, conv in enumerate([self.conv1] if self.in_channels == 0 else [self.conv0, self.conv1]):
                x = conv.scaled(x, styles[k], noise[k])
        else:
            assert isinstance(x, Tensor)
            x = self._convolved(x, styles, noise)
        if img is not None:
            img = upsample2d(img, self.resample_filter)
        if self.has_torgb:
            y = self.torgb(x.x, styles[-1] * x.scale) if isinstance(x, Scaled) else self.torgb(x, styles[-1])
            img = y if img is None else img + y
        return x, img

    def _convolved(self, x: Tensor, styles: list[Tensor], noise: list[Tensor | None]) -> Tensor:
        """Through the block's convolutions, one layer after the other."""
        if self.in_channels == 0:
            y: Tensor = self.conv1(x, styles[0], noise[0])
        elif self.architecture == "resnet":
            y = self.skip(x, gain=math.sqrt(0.5))
            x = self.conv0(x, styles[0], noise[0])
            y = y + self.conv1(x, styles[1], noise[1], gain=math.sqrt(0.5))
        else:
            y = self.conv1(self.conv0(x, styles[0], noise[0]), styles[1], noise[1])
        return y

    def _works_in_factors(self, x: Tensor | Scaled | None, *styles: Tensor) -> bool:
        """Whether gradients are wanted, and nobody is to see, add to or clamp what a single layer puts out."""
        if not torch.is_grad_enabled() or self.architecture == "resnet" or self.conv1.conv_clamp is not None:
            return False
        if torch.compiler.is_compiling() or torch.is_autocast_enabled(styles[0].device.type):
            return False
        if any(module._forward_hooks for module in self.modules()):
            return False
        return isinstance(x, Scaled) or needs_gradient(x, *styles, *self.parameters())
