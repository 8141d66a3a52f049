"""Differentiable augmentation of what the projected discriminator sees: colour, translation, cutout.

Source: Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training" (NeurIPS 2020), section 3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_SHIFT, _HOLE = 0.125, 0.5


def diff_augmented(images: Tensor) -> Tensor:
    """Each image with brightness, saturation and contrast changed, moved by up to an eighth, half its side cut out.

    Images float32 [n, 3, h, w] in [-1, 1] or near it, from torch's random stream.
    """
    n, _, height, width = images.shape
    draw = torch.rand(7, n, 1, 1, 1, device=images.device)
    return _translated(coloured(images, draw[:3]), draw[3], draw[4]) * cutout(draw[5], draw[6], height, width)


def coloured(images: Tensor, draw: Tensor) -> Tensor:
    """Images float32 [n, 3, h, w], any range, with brightness, saturation and contrast changed by `draw` float32
    [3, n, 1, 1, 1], uniform in [0, 1]."""
    x = images + (draw[0] - 0.5)
    x = torch.lerp(x.mean(dim=1, keepdim=True), x, 2 * draw[1])
    return torch.lerp(x.mean(dim=(1, 2, 3), keepdim=True), x, draw[2] + 0.5)


def _translated(x: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Images moved by whole pixels, black (0) where nothing comes in."""
    n, _, height, width = x.shape
    by_y, by_x = int(height * _SHIFT), int(width * _SHIFT)
    padded = F.pad(x, (by_x, by_x, by_y, by_y))
    tops = (down.flatten() * (2 * by_y + 1)).int().tolist()
    lefts = (across.flatten() * (2 * by_x + 1)).int().tolist()
    places = zip(range(n), tops, lefts, strict=True)
    return torch.stack([padded[i, :, top : top + height, left : left + width] for i, top, left in places])


def cutout(across: Tensor, down: Tensor, height: int, width: int) -> Tensor:
    """1 outside, 0 inside a rectangle of half the sides about a point of each image: float32 [n, 1, h, w], 0 or 1.

    `across` and `down` are float32 [n, 1, 1, 1] in [0, 1].
    """
    y = (torch.arange(height, device=down.device) + 0.5) / height
    x = (torch.arange(width, device=across.device) + 0.5) / width
    inside_y = (y[None, None, :, None] - down).abs() < _HOLE / 2
    inside_x = (x[None, None, None, :] - across).abs() < _HOLE / 2
    return (~(inside_y & inside_x)).float()
