"""Convolutions that are fast to differentiate twice: PyTorch's own values and derivatives, of every order asked for."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.generators.architectures.layers.convolution import conv2d, conv_transpose2d

# stride, padding, kernel, height, width; with stride 2 the last row or column may be out of reach.
SHAPES = [(1, 1, 3, 5, 4), (1, 0, 1, 4, 4), (2, 0, 3, 7, 6), (2, 1, 4, 6, 6), (2, 2, 3, 5, 8)]


def _double(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def _inputs(transposed: bool, kernel: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    weight = _double(3, 2, kernel, kernel)
    return _double(2, 3 if transposed else 2, height, width), weight


def _third_order(y: Tensor, x: Tensor, weight: Tensor) -> list[Tensor]:
    """Derivatives of functions of derivatives of a function of y, as R1 and path length take them and once more."""
    orders: list[Tensor] = []
    found = [y]
    for _ in range(3):
        squares = torch.stack([g.square().sum() for g in found])
        found = list(torch.autograd.grad(squares.pow(1.5).sum(), (x, weight), create_graph=True))
        orders += [g.detach() for g in found]
    return orders


@pytest.mark.parametrize(("stride", "padding", "kernel", "height", "width"), SHAPES)
@pytest.mark.parametrize("transposed", [False, True])
def test_values_and_derivatives_are_those_of_pytorch(
    transposed: bool, stride: int, padding: int, kernel: int, height: int, width: int
) -> None:
    x, weight = _inputs(transposed, kernel, height, width)
    ours, theirs = (conv_transpose2d, F.conv_transpose2d) if transposed else (conv2d, F.conv2d)
    y, expected = (f(x, weight, stride=stride, padding=padding) for f in (ours, theirs))
    assert torch.equal(y, expected)
    for found, wanted in zip(_third_order(y, x, weight), _third_order(expected, x, weight), strict=True):
        assert float((found - wanted).norm()) <= 1e-12 * float(wanted.norm())


def test_a_bias_has_its_gradient() -> None:
    x, weight = _inputs(False, 3, 5, 5)
    bias = _double(3)
    assert torch.autograd.gradcheck(lambda *a: conv2d(*a, stride=2).square(), (x, weight, bias))
    assert torch.autograd.gradgradcheck(lambda *a: conv2d(*a, stride=2).square(), (x, weight, bias))


def test_a_depthwise_kernel_without_gradient_gets_none() -> None:
    x, kernel = _double(2, 3, 6, 6), torch.randn(4, 4, dtype=torch.float64)

    def halved(x: Tensor) -> Tensor:
        return conv2d(x, kernel.expand(3, 1, 4, 4), stride=2, padding=1, groups=3).square()

    assert torch.autograd.gradcheck(halved, (x,))
    assert torch.autograd.gradgradcheck(halved, (x,))


def test_a_kernels_gradient_keeps_its_layout() -> None:
    """The fused Adam would apply a contiguous gradient to other weights than those of a channels_last kernel."""
    last = torch.channels_last
    x = torch.randn(2, 8, 6, 6).to(memory_format=last)
    weight = torch.randn(4, 8, 3, 3).to(memory_format=last).requires_grad_()
    conv2d(x, weight, padding=1).square().sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert weight.grad.stride() == weight.stride()
