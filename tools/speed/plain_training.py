"""The StyleGAN2 discriminator and a training iteration done the plain way, to compare the trainer with.

As in plain.py: filters at full size, bias, activation and gain as passes of their own, each sample its own weights.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.generators.architectures.layers.equalised import Conv2dLayer
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.architectures.stylegan2_discriminator import StyleGAN2Discriminator
from forensics.generators.training.steps import GradientSteps
from tools.speed.plain import bias_act, stylegan2_synthesis, upfirdn2d


def _conv(layer: Conv2dLayer, x: Tensor, gain: float = 1.0) -> Tensor:
    weight = layer.weight * layer.weight_gain
    if layer.resample == "down" and layer.kernel_size == 1:
        x = F.conv2d(upfirdn2d(x, layer.resample_filter, down=2, pad=(1, 1, 1, 1)), weight)
    elif layer.resample == "down":
        x = F.conv2d(upfirdn2d(x, layer.resample_filter, pad=(2, 2, 2, 2)), weight, stride=2)
    else:
        x = F.conv2d(x, weight, padding=layer.kernel_size // 2)
    if layer.activation == "linear":
        return x * gain
    assert layer.bias is not None
    return bias_act(x, layer.bias, slope=0.2, gain=math.sqrt(2) * gain, clamp=None)


def stylegan2_discriminator(d: StyleGAN2Discriminator, img: Tensor) -> Tensor:
    """Images [n, c, R, R] to logits [n, 1], of an unconditional resnet discriminator."""
    x = img
    for r in d.resolutions:
        block = getattr(d, f"b{r}")
        if hasattr(block, "fromrgb"):
            x = _conv(block.fromrgb, x)
        y = _conv(block.skip, x, math.sqrt(0.5))
        x = y + _conv(block.conv1, _conv(block.conv0, x), math.sqrt(0.5))
    end = d.b4
    assert end.mbstd is not None
    logits: Tensor = end.out(end.fc(_conv(end.conv, end.mbstd(x)).flatten(1)))
    return logits


class PlainSteps(GradientSteps):
    """The trainer's losses over plain synthesis, without style mixing; give it a `PlainDiscriminator`."""

    generator: StyleGAN2Generator

    def fakes(
        self, n: int, labels: Tensor | None = None, *, track_w_avg: float | None = None
    ) -> tuple[Tensor, Tensor]:
        """n images and their ws."""
        g = self.generator
        ws = g.broadcast_w(torch.randn(n, g.z_dim, device=g.device), labels)
        return stylegan2_synthesis(g, ws, "random"), ws


class PlainDiscriminator(torch.nn.Module):
    """Calls a discriminator's weights the plain way."""

    def __init__(self, discriminator: StyleGAN2Discriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, img: Tensor) -> Tensor:
        """Logits [n, 1]."""
        return stylegan2_discriminator(self.discriminator, img)
