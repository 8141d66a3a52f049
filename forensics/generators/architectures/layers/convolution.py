"""Convolutions whose derivatives of every order are convolutions of the same kind.

PyTorch's second derivative of a convolution (R1, path length) finds the gradient of the kernel by convolving with the
maps as if they were kernels as large as the image, which costs several times a gradient of the kernel. Here
each derivative is written as one of three operations: the convolution, the transposed one, the gradient of the kernel.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (CVPR 2020), whose public code does so
on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class _Shape:
    """How a convolution runs over its input; `extra` are the last rows and columns that no stride reaches."""

    stride: int
    padding: int
    groups: int
    transposed: bool
    extra: tuple[int, int] = (0, 0)

    def back(self, x: Tensor, y: Tensor, kernel: int) -> _Shape:
        """The convolution that takes gradients of the output `y` to those of the input `x`."""
        if self.transposed:
            return replace(self, transposed=False, extra=(0, 0))
        reach = kernel - self.stride - 2 * self.padding
        rows, columns = (x.shape[i] - y.shape[i] * self.stride - reach for i in (2, 3))
        return replace(self, transposed=True, extra=(rows, columns))


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
) -> Tensor:
    """`F.conv2d` of `x` [n, i, h, w] with `weight` [o, i / groups, k, k], fast to differentiate twice.

    All float32, any value.
    """
    if not _differentiated(x, weight, bias):
        return F.conv2d(x, weight, bias, stride=stride, padding=padding, groups=groups)
    return _convolve(x, weight, bias, _Shape(stride, padding, groups, transposed=False))


def conv_transpose2d(x: Tensor, weight: Tensor, *, stride: int, padding: int = 0, groups: int = 1) -> Tensor:
    """`F.conv_transpose2d` of `x` [n, i, h, w] with `weight` [i, o / groups, k, k], fast to differentiate twice.

    All float32, any value.
    """
    if not _differentiated(x, weight):
        return F.conv_transpose2d(x, weight, stride=stride, padding=padding, groups=groups)
    return _convolve(x, weight, None, _Shape(stride, padding, groups, transposed=True))


def needs_gradient(*tensors: Tensor | None) -> bool:
    """Whether a gradient may be asked for through any of `tensors`; always true while a graph is exported."""
    if torch.compiler.is_compiling():
        return True
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


def _differentiated(x: Tensor, *others: Tensor | None) -> bool:
    """Whether a gradient may be asked for. Not under autocast, which casts what goes into PyTorch's own operations,
    and not while a graph is exported, where there is none."""
    if not torch.is_grad_enabled() or all(t is None or not t.requires_grad for t in (x, *others)):
        return False
    return not (torch.compiler.is_compiling() or torch.is_autocast_enabled(x.device.type))


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, shape: _Shape) -> Tensor:
    result: Tensor = _Convolution.apply(x, weight, bias, shape)
    return result


class _Convolution(torch.autograd.Function):
    """Convolution or transposed convolution, with bias."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, shape: _Shape) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.shape = shape
        s = shape
        if s.transposed:
            return F.conv_transpose2d(x, weight, bias, s.stride, s.padding, s.extra, s.groups)
        return F.conv2d(x, weight, bias, s.stride, s.padding, groups=s.groups)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        (grad,), shape = grads, ctx.shape
        wants_x, wants_weight, wants_bias, _ = ctx.needs_input_grad
        grad_x = grad_weight = None
        if wants_x:
            grad_x = _convolve(grad, weight, None, shape.back(x, grad, weight.shape[2]))
        if wants_weight:
            grad_weight = _KernelGradient.apply(grad, x, weight, shape)
        return grad_x, grad_weight, grad.sum(dim=(0, 2, 3)) if wants_bias else None, None


class _KernelGradient(torch.autograd.Function):
    """Gradient of a convolution's weight from that of its output and its input; of `weight` only the form counts."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, x: Tensor, weight: Tensor, shape: _Shape) -> Tensor:
        ctx.save_for_backward(grad, x)
        ctx.shape = s = shape
        found: Tensor = torch.ops.aten.convolution_backward(
            grad, x, weight, None, [s.stride] * 2, [s.padding] * 2, [1, 1], s.transposed, list(s.extra),
            s.groups, [False, True, False],
        )[1]  # fmt: skip
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad, x = ctx.saved_tensors
        (weight,), shape = grads, ctx.shape
        wants_grad, wants_x, *_ = ctx.needs_input_grad
        grad_grad = _convolve(x, weight, None, shape) if wants_grad else None
        grad_x = _convolve(grad, weight, None, shape.back(x, grad, weight.shape[2])) if wants_x else None
        return grad_grad, grad_x, None, None
