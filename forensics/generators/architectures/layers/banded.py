"""FIR resampling as matrix products.

A resampling FIR is a linear map of the pixels of one axis, so that filtering an image is A x B^T with two banded
matrices. Cut into blocks of rows, the bands become small dense products that run at the speed of a matrix
multiplication, without the zeros of zero-stuffing. A filter that is not separable (the radially symmetric ones of
StyleGAN3-R) is the sum of its singular vectors' outer products.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# Rows of one block of a banded matrix. Larger blocks multiply more zeros, smaller ones keep the processor less busy.
BLOCK_ROWS = 64
# A radial filter is summed from the singular vectors whose value exceeds this share of the largest one.
SINGULAR_SHARE = 1e-7


def separate(kernel: Tensor | None) -> list[tuple[Tensor, Tensor]]:
    """Float64 pairs (vertical, horizontal) of 1-D filters whose outer products sum to `kernel` ([k], [k, k], None).

    All float32, any value.
    """
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
        return self.block(row, min(row + self._block_rows, self.rows))

    def block(self, row: int, row_end: int) -> Block:
        """Rows [row, row_end) without the zeros beside the band."""
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
        """out = M x for `x` [k, cols, w], `out` [k, rows, w]; no gradient; float32, any value."""
        for b in self.blocks:
            values = b.values.expand(x.shape[0], -1, -1)
            torch.bmm(values, x[:, b.col : b.col_end], out=out[:, b.row : b.row_end])
        return out

    def right(self, x: Tensor, out: Tensor, accumulate: bool = False) -> Tensor:
        """out = x M^T (plus `out` if `accumulate`) for `x` [m, cols], `out` [m, rows]; no gradient.

        All float32, any value.
        """
        for b in self.blocks:
            source, target = x[:, b.col : b.col_end], out[:, b.row : b.row_end]
            if accumulate:
                target.addmm_(source, b.values.t())
            else:
                torch.mm(source, b.values.t(), out=target)
        return out


# The terms of a separable sum: y = sum over k of A_k x B_k^T.
Terms = list[tuple[BandedMatrix, BandedMatrix]]


class TermsOfFilter:
    """The matrices of one filter, made when first asked for and again only when the filter, the device or the dtype
    changes: filters are read from files, and replaced by reading another."""

    def __init__(self) -> None:
        self._filter: Tensor | None = None
        self._terms: Terms = []

    def get(self, kernel: Tensor | None, like: Tensor, matrix_of: Callable[[Tensor], Tensor]) -> Terms:
        """Terms of `kernel`, where `matrix_of` turns taps [k] into a float64 matrix; on the device of `like`.

        All float32, any value.
        """
        if not self._terms or not (is_traced() or self._is_current(kernel, like)):
            self._filter = None if kernel is None else kernel.detach().clone()
            self._terms = []
            for vertical, horizontal in separate(kernel):
                a = BandedMatrix(matrix_of(vertical).to(like))
                b = a if horizontal is vertical else BandedMatrix(matrix_of(horizontal).to(like))
                self._terms.append((a, b))
        return self._terms

    def _is_current(self, kernel: Tensor | None, like: Tensor) -> bool:
        dense = self._terms[0][0].dense
        if dense.device != like.device or dense.dtype != like.dtype:
            return False
        if kernel is None or self._filter is None:
            return kernel is self._filter
        return kernel.device == self._filter.device and torch.equal(kernel, self._filter)


def apply_terms(x: Tensor, terms: Terms, out: Tensor | None = None) -> Tensor:
    """sum_k A_k x B_k^T of contiguous `x` [k, h, w], without gradient; float32, any value."""
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
        torch.compiler.is_compiling()
        or torch.onnx.is_in_onnx_export()
        or torch._C._get_tracing_state() is not None
    )


def wants_dense(x: Tensor) -> bool:
    """Whether `x` is filtered by plain dense products: for an export, on a GPU, and under autocast, whose casts the
    banded products on parts of maps would not see."""
    return is_traced() or x.device.type != "cpu" or torch.is_autocast_enabled(x.device.type)


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
    """sum_k A_k x B_k^T of each map of `x` [n, c, h, w], differentiable any number of times; float32, any value."""
    if wants_dense(x):
        parts = [a.dense @ x @ b.dense.t() for a, b in terms]
        return torch.stack(parts).sum(dim=0) if len(parts) > 1 else parts[0]
    return _Separable.apply(x, terms)  # type: ignore[no-any-return]


def depthwise(x: Tensor, kernel: Tensor, down: int) -> Tensor:
    """Every `down`-th pixel of each map of `x` [n, c, h, w] convolved with `kernel` [k, k], within the map.

    All float32, any value.
    """
    weight = kernel.flip((0, 1)).expand(x.shape[1], 1, *kernel.shape)
    return F.conv2d(x, weight, stride=down, groups=x.shape[1])


# Maps of one tile, the width of the processor's vectors, and its output rows: with a 12 x 12 filter and maps of
# 276 pixels a tile takes 2.7 MB.
TILE_MAPS = 16
TILE_ROWS = 32


def filter_between(
    x: Tensor,
    up: tuple[BandedMatrix, BandedMatrix],
    activate: Callable[[Tensor], None],
    kernel: Tensor,
    down: int,
    out: Tensor,
) -> None:
    """out = every `down`-th pixel of `kernel` [k, k] convolved with activate(A x B^T), for `x` [c, h, w] and `out`
    [c, h', w'], without gradient. `activate` works in place and pixel by pixel.

    A filter that is not separable is cheapest as a depthwise convolution of maps that lie side by side in memory.
    The upsampled maps are made a band of rows at a time, in that layout, and used up while in the cache.
    All float32, any value.
    """
    a, b = up
    k = kernel.shape[0]
    bands = []
    for row in range(0, out.shape[1], TILE_ROWS):
        row_end = min(row + TILE_ROWS, out.shape[1])
        bands.append((row, row_end, a.block(row * down, (row_end - 1) * down + k)))

    def work(i: int) -> None:
        maps = x[i : i + TILE_MAPS]
        c, h, w = maps.shape
        half = b.right(maps.reshape(c * h, w), x.new_empty(c * h, b.rows)).view(c, h, b.rows)
        half = half.permute(1, 2, 0).reshape(h, b.rows * c)
        for row, row_end, block in bands:
            inner = block.values @ half[block.col : block.col_end]
            activate(inner)
            inner = inner.view(1, -1, b.rows, c).permute(0, 3, 1, 2)
            out[i : i + c, row:row_end] = depthwise(inner, kernel, down)[0]

    share_out(work, range(0, len(x), TILE_MAPS))


def share_out(work: Callable[[int], None], parts: range) -> None:
    """Do `work(i)` for every i of `parts`, one part a thread at a time, without gradient.

    Each step on a few maps is too short to be split between threads again and again; whole parts are handed out
    instead. For that time torch's own number of threads is 1 (other threads of this program may notice, in speed
    only). What is computed does not depend on the number of threads.
    """
    threads = min(torch.get_num_threads(), len(parts))
    if threads == 1:
        for i in parts:
            work(i)
        return
    inference, usual = torch.is_inference_mode_enabled(), torch.get_num_threads()

    def guarded(i: int) -> None:  # these modes belong to a thread
        with torch.inference_mode(inference), torch.no_grad():
            work(i)

    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(guarded, parts))
    finally:
        torch.set_num_threads(usual)
