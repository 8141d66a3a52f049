"""Random views of an image for a fixed network: mirrored, moved and scaled a little.

A generator that learns from the gradients of one fixed view may find patterns that this view alone takes for what is
asked (adversarial examples). Many views leave what is really there.
Source: Athalye et al., "Synthesizing Robust Adversarial Examples" (ICML 2018), for expectation over transformations.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_SHIFT, _SCALE = 0.04, 0.06  # of the side; of the size


def drawn_views(n: int, device: torch.device) -> Tensor:
    """Transforms float32 [n, 2, 3], entries in [-1.06, 1.06], from torch's random stream: mirrored or not, moved by up
    to 4 % of the side, scaled by up to 6 %."""
    draw = torch.rand(4, n, device=device)
    scale = 1 + _SCALE * (2 * draw[0] - 1)
    views = torch.zeros(n, 2, 3, device=device)
    views[:, 0, 0] = torch.where(draw[1] < 0.5, scale, -scale)
    views[:, 1, 1] = scale
    views[:, :, 2] = 2 * _SHIFT * (2 * draw[2:].T - 1)  # in halves of the side
    return views


def viewed(images: Tensor, views: Tensor) -> Tensor:
    """Images float32 [n, c, h, w], any range, as the transforms [n, 2, 3] show them; what comes in from outside is
    mirrored."""
    grid = F.affine_grid(views, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
