"""Low-pass filters at the size of the maps, and with twice or half of it: depthwise convolutions, no stuffed zeros.

Shapes: n images, c channels, h x w pixels; float32. The public code filters zero-stuffed maps densely; these are
strided depthwise convolutions with the same numbers, differentiable at any order.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.generators.architectures.layers.convolution import conv2d, conv_transpose2d, needs_gradient


def fir_filter(taps: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)) -> Tensor:
    """The separable low-pass filter as a [k, k] kernel of sum 1; float32, any value."""
    f = torch.tensor(taps, dtype=torch.float32)
    kernel = torch.outer(f, f)
    return kernel / kernel.sum()


class _DepthwiseFir(torch.autograd.Function):
    """Filter every channel with one kernel. The gradient is the same filter mirrored, so it never leaves the
    fast forward path of the depthwise convolution, at any order of differentiation."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, padding: int) -> Tensor:
        ctx.save_for_backward(kernel)
        ctx.padding = padding
        weight = kernel.expand(x.shape[1], 1, *kernel.shape)
        return F.conv2d(x, weight, padding=padding, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, None]:
        (kernel,) = ctx.saved_tensors
        flipped = kernel.flip((0, 1))
        return fir(grads[0], flipped, kernel.shape[0] - 1 - ctx.padding), None, None


def fir(x: Tensor, kernel: Tensor, padding: int, bias: Tensor | None = None) -> Tensor:
    """Correlate each channel of `x` [n, c, h, w] with `kernel` [k, k], zeros outside, `padding` pixels a side.

    `bias` [c] is for images alone: it takes no gradient; float32, any value.
    """
    if needs_gradient(x) and bias is None:
        filtered: Tensor = _DepthwiseFir.apply(x, kernel, padding)
        return filtered
    return F.conv2d(x, kernel.expand(x.shape[1], 1, *kernel.shape), bias, padding=padding, groups=x.shape[1])


def upsample2d(x: Tensor, kernel: Tensor) -> Tensor:
    """Double the size of `x` [n, c, h, w]: zero-stuffing, then the FIR `kernel` (even size) with gain 4.

    All float32, any value.
    """
    weight = (kernel * 4.0).expand(x.shape[1], 1, *kernel.shape)
    return conv_transpose2d(x, weight, stride=2, padding=kernel.shape[0] // 2 - 1, groups=x.shape[1])


def downsample2d(x: Tensor, kernel: Tensor) -> Tensor:
    """Halve the size of `x` [n, c, h, w]: the FIR `kernel` (even size) evaluated at every second pixel.

    All float32, any value.
    """
    weight = kernel.flip((0, 1)).expand(x.shape[1], 1, *kernel.shape)
    return conv2d(x, weight, stride=2, padding=kernel.shape[0] // 2 - 1, groups=x.shape[1])
