"""The inverse Haar wavelet transform: four sub-bands to maps of twice the size.

Shapes: sub-bands float32 [n, 4 c, h, w], the c low-pass maps first, then the c differences of rows, of columns, and of
both; maps [n, c, 2 h, 2 w]. Every output pixel is half a sum or difference of four numbers, so that no filter runs.
"""

from __future__ import annotations

import torch
from torch import Tensor


def inverse_haar(bands: Tensor) -> Tensor:
    """[n, 4 c, h, w] to [n, c, 2 h, 2 w], differentiable, in the memory layout of the input; float32, any value."""
    low, rows, columns, both = (bands * 0.5).chunk(4, dim=1)
    upper, lower = low + rows, low - rows
    right_upper, right_lower = columns + both, columns - both
    pixels = torch.stack(
        [upper + right_upper, upper - right_upper, lower + right_lower, lower - right_lower], dim=2
    )
    return torch.nn.functional.pixel_shuffle(pixels.flatten(1, 2), 2)


def inverse_haar_into(out: Tensor, bands: Tensor) -> None:
    """As `inverse_haar`, without the factor of a half and without gradient.

    `bands` [4, h, w, c] (a stack of sub-bands, channels last) to `out` [2 h, 2 w, c]; float32, any value.
    """
    low, rows, columns, both = bands
    h, w, c = low.shape
    pixels = out.view(h, 2, w, 2, c)
    upper, lower = low + rows, low - rows
    right_upper, right_lower = columns + both, columns - both
    torch.add(upper, right_upper, out=pixels[:, 0, :, 0])
    torch.sub(upper, right_upper, out=pixels[:, 0, :, 1])
    torch.add(lower, right_lower, out=pixels[:, 1, :, 0])
    torch.sub(lower, right_lower, out=pixels[:, 1, :, 1])


def planar_order(channels: int) -> Tensor:
    """int64 [channels]: where each channel of our order stands in the published one.

    Published: a quarter of low-pass maps, then the three differences of each map in turn. Ours: four quarters.
    """
    quarter = channels // 4
    differences = quarter + torch.arange(3 * quarter).view(quarter, 3).t().reshape(-1)
    return torch.cat([torch.arange(quarter), differences])
