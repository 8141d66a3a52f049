"""FIR resampling as matrix products.

A resampling FIR is a linear map of the pixels of one axis, so that filtering an image is A x B^T with two banded
matrices. Cut into blocks of rows, the bands become small dense products that run at the speed of a matrix
multiplication, without the zeros of zero-stuffing. A filter that is not separable (the radially symmetric ones of
StyleGAN3-R) is the sum of its singular vectors' outer products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Rows of one block of a banded matrix. Larger blocks multiply more zeros, smaller ones keep the processor less busy.
BLOCK_ROWS = 64
# A radial filter is summed from the singular vectors whose value exceeds this share of the largest one.
SINGULAR_SHARE = 1e-7


def separate(kernel: Tensor | None) -> list[tuple[Tensor, Tensor]]:
    """Float64 pairs (vertical, horizontal) of 1-D filters whose outer products sum to `kernel` ([k], [k, k], None)."""
    if kernel is None:
        one = torch.ones(1, dtype=torch.float64)
        return [(one, one)]
    f = kernel.detach().double().cpu()
    if f.ndim == 1:
        return [(f, f)]
    u, s, vh = torch.linalg.svd(f)
    rank = int((s > s[0] * SINGULAR_SHARE).sum())
    return [(u[:, k] * s[k].sqrt(), vh[k] * s[k].sqrt()) for k in range(rank)]


def resampling_matrix(taps: Tensor, size: int, *, up: int, down: int, pad: tuple[int, int]) -> Tensor:
    """Float64 [out, size]: insert up - 1 zeros after each pixel, pad (crop if negative), convolve, keep every
    `down`-th. `taps` keep their gain: multiply by `up` to keep the mean of what is interpolated."""
    n = len(taps)
    length = size * up + pad[0] + pad[1] - n + 1
    rows = torch.arange(0, length, down)[:, None]
    tap = n - 1 - (torch.arange(size)[None, :] * up + pad[0] - rows)
    inside = (tap >= 0) & (tap < n)
    return torch.where(inside, taps[tap.clamp(0, n - 1)], torch.zeros((), dtype=taps.dtype))


@dataclass(frozen=True)
class Block:
    """Rows [row, row_end) of a banded matrix, of which only columns [col, col_end) are not zero."""

    row: int
    row_end: int
    col: int
    col_end: int
    values: Tensor


class BandedMatrix:
    """A matrix [rows, cols] whose non-zeros lie near a diagonal, multiplied block by block."""

    def __init__(self, dense: Tensor, block_rows: int = BLOCK_ROWS) -> None:
        self.rows, self.cols = dense.shape
        self.dense = dense
        self._block_rows = block_rows
        self.blocks = [self._block(i) for i in range(0, self.rows, block_rows)]
        self._transpose: BandedMatrix | None = None

    def _block(self, row: int) -> Block:
        row_end = min(row + self._block_rows, self.rows)
        part = self.dense[row:row_end]
        used = part.ne(0).any(dim=0).nonzero()[:, 0]
        col, col_end = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        return Block(row, row_end, col, col_end, part[:, col:col_end].contiguous())

    @property
    def transpose(self) -> BandedMatrix:
        """The transposed matrix, for gradients; made once."""
        if self._transpose is None:
            self._transpose = BandedMatrix(self.dense.t().contiguous(), self._block_rows)
            self._transpose._transpose = self
        return self._transpose

    def left(self, x: Tensor, out: Tensor) -> Tensor:
        """out = M x for `x` [k, cols, w], `out` [k, rows, w]; no gradient."""
        for b in self.blocks:
            values = b.values.expand(x.shape[0], -1, -1)
            torch.bmm(values, x[:, b.col : b.col_end], out=out[:, b.row : b.row_end])
        return out

    def right(self, x: Tensor, out: Tensor, accumulate: bool = False) -> Tensor:
        """out = x M^T (plus `out` if `accumulate`) for `x` [m, cols], `out` [m, rows]; no gradient."""
        for b in self.blocks:
            source, target = x[:, b.col : b.col_end], out[:, b.row : b.row_end]
            if accumulate:
                target.addmm_(source, b.values.t())
            else:
                torch.mm(source, b.values.t(), out=target)
        return out


# The terms of a separable sum: y = sum over k of A_k x B_k^T.
Terms = list[tuple[BandedMatrix, BandedMatrix]]


def apply_terms(x: Tensor, terms: Terms, out: Tensor | None = None) -> Tensor:
    """sum_k A_k x B_k^T of contiguous `x` [k, h, w], without gradient."""
    k, h, w = x.shape
    a, b = terms[0]
    if out is None:
        out = x.new_empty(k, a.rows, b.rows)
    if len(terms) == 1 and b.rows > w:  # upsampling: the long axis of the products comes last
        half = x.new_empty(k, h, b.rows)
        b.right(x.view(k * h, w), half.view(k * h, b.rows))
        return a.left(half, out)
    half = x.new_empty(k, a.rows, w)
    for i, (a, b) in enumerate(terms):
        a.left(x, half)
        b.right(half.view(k * a.rows, w), out.view(k * a.rows, b.rows), accumulate=i > 0)
    return out


def is_traced() -> bool:
    """Whether the run only records operations for an export, which wants plain dense products."""
    return (
        torch.compiler.is_exporting()
        or torch.onnx.is_in_onnx_export()
        or torch._C._get_tracing_state() is not None
    )


class _Separable(torch.autograd.Function):
    """apply_terms with its gradient: the transposed matrices applied to the gradient, at any order."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, terms: Terms) -> Tensor:
        ctx.terms = terms
        n, c, h, w = x.shape
        y = apply_terms(x.contiguous().view(n * c, h, w), terms)
        return y.view(n, c, *y.shape[1:])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        transposed = [(a.transpose, b.transpose) for a, b in ctx.terms]
        return _Separable.apply(grads[0], transposed), None


def separable(x: Tensor, terms: Terms) -> Tensor:
    """sum_k A_k x B_k^T of each map of `x` [n, c, h, w], differentiable any number of times."""
    if is_traced() or x.device.type != "cpu":
        parts = [a.dense @ x @ b.dense.t() for a, b in terms]
        return torch.stack(parts).sum(dim=0) if len(parts) > 1 else parts[0]
    return _Separable.apply(x, terms)  # type: ignore[no-any-return]
