"""MobileStyleGAN synthesis done the plain way, from the state of our own network.

As the public code computes it: each sample is convolved with its own modulated kernels (one grouped convolution for the
depthwise, one for the pointwise step), the inverse wavelet transform runs its six two-tap filters as transposed
convolutions, and noise, bias and activation are passes of their own.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.generators.architectures.layers.mobile_stylegan import ImageHead, NoisyConv
from forensics.generators.architectures.mobile_stylegan import MobileStyleGANGenerator
from tools.speed.plain import grouped_conv, per_sample_weights


def mobile_stylegan_synthesis(g: MobileStyleGANGenerator, ws: Tensor) -> Tensor:
    """Image of `ws` [n, num_ws, w_dim] with the stored noise, [n, 3, R, R]."""
    styles = g.layer_styles(ws)
    x = _layer(g.synthesis.b4["conv"], g.synthesis.const.repeat(len(ws), 1, 1, 1), styles[0])  # type: ignore[arg-type]
    for k, (_, level) in enumerate(g.synthesis.levels()):
        x = inverse_wavelet(x * styles[3 * k + 1][:, :, None, None])
        x = _layer(level.conv0, x, styles[3 * k + 2])
        x = _layer(level.conv1, x, styles[3 * k + 3])
    return _head(g.synthesis.torgb, x, styles[-1])


def inverse_wavelet(x: Tensor) -> Tensor:
    """[n, 4 c, h, w], sub-bands side by side, to [n, c, 2 h, 2 w]: rows, then columns."""
    low, rows, columns, both = x.chunk(4, dim=1)
    upper = _filtered(low, 1, (2, 1)) + _filtered(rows, -1, (2, 1))
    lower = _filtered(columns, 1, (2, 1)) + _filtered(both, -1, (2, 1))
    return _filtered(upper, 1, (1, 2)) + _filtered(lower, -1, (1, 2))


def _filtered(x: Tensor, sign: int, stride: tuple[int, int]) -> Tensor:
    taps = torch.tensor([1.0, sign], device=x.device).view(1, 1, *stride) * math.sqrt(0.5)
    return F.conv_transpose2d(x, taps.repeat(x.shape[1], 1, 1, 1), stride=stride, groups=x.shape[1])


def _layer(layer: NoisyConv, x: Tensor, styles: Tensor) -> Tensor:
    n, c = styles.shape
    styles = styles * layer.weight_gain
    if hasattr(layer, "depthwise"):
        kernels = (layer.depthwise[None] * styles[:, :, None, None, None]).reshape(n * c, 1, 3, 3)
        x = F.conv2d(x.reshape(1, n * c, *x.shape[2:]), kernels, padding=1, groups=n * c)
        x = x.reshape(n, c, *x.shape[2:])
        styles = torch.ones_like(styles)
    x = grouped_conv(
        x, per_sample_weights(layer.weight, styles, demodulate=False), padding=layer.weight.shape[2] // 2
    )
    x = x + layer.noise_const * layer.noise_strength
    return F.leaky_relu(x + layer.bias[None, :, None, None], 0.2)


def _head(head: ImageHead, x: Tensor, styles: Tensor) -> Tensor:
    w = per_sample_weights(head.weight, styles * head.weight_gain, demodulate=False)
    return inverse_wavelet(grouped_conv(x, w, padding=0) + head.bias[None, :, None, None])
