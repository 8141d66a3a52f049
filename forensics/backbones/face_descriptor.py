"""A face recognition network that needs no pack and passes gradients on: dlib's ResNet of 29 convolutions.

It tells the people of two photographs apart (99.38 % on LFW by its author). Here it says of a generator how its faces
differ as persons; it is not the network of any InsightFace pack, so that those can judge what was trained with it.
Source: King, "High Quality Face Recognition with Deep Metric Learning" (dlib.net, 2017), after He et al., "Deep
Residual Learning for Image Recognition" (CVPR 2016); the weights are in `weights/descriptor`, with a card.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Final, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.core.errors import CheckpointError
from forensics.core.weights import FOLDER

WEIGHTS: Final = FOLDER / "descriptor" / "weights.safetensors"
SIDE_PX: Final = 150
SIZE: Final = 128
DEVIATION: Final = 0.05  # of each of its numbers, over the photographs the embedded generators learn from
# The square around the face in an image framed as FFHQ is, as shares of its side: of the squares tried on 100
# photographs, about the one that tells mirrored, shifted and blurred copies from other people best.
_TOP, _LEFT, _SQUARE = 72 / 256, 43 / 256, 170 / 256
_MEAN = (122.782, 117.001, 104.298)
# Stages: channels, blocks after the one that halves the size. The first stage does not begin with such a block.
_STAGES = ((32, 3), (64, 3), (128, 2), (256, 2), (256, 0))
# Of the three stages that `tapped` shows: channels, side, and deviation over those photographs.
TAPPED: Final = ((32, 35, 1.46), (64, 17, 1.43), (128, 8, 0.90))

Network = TypeVar("Network", bound=nn.Module)


class _Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut; `halving`, the first has stride 2 and no margin, as dlib has it."""

    def __init__(self, before: int, channels: int, *, halving: bool) -> None:
        super().__init__()
        self.halving = halving
        self.first = nn.Conv2d(before, channels, 3, 2 if halving else 1, 0 if halving else 1)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(F.relu(self.first(x)))
        if self.halving:
            x = F.avg_pool2d(x, 2, 2)
            y = F.pad(y, (0, x.shape[3] - y.shape[3], 0, x.shape[2] - y.shape[2]))
            x = F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
        return F.relu(x + y)


class FaceDescriptor(nn.Module):
    """Descriptors float32 [n, 128] of images float32 [n, 3, h, w] in [-1, 1], framed as FFHQ is; h, w >= 32.

    Two photographs of one person are some 0.3 apart (Euclidean), of two persons 0.8; dlib draws the line at 0.6.
    """

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, 2)
        blocks: list[nn.Module] = []
        before = 32
        for i, (channels, more) in enumerate(_STAGES):
            if i:
                blocks.append(_Block(before, channels, halving=True))
            blocks += [_Block(channels, channels, halving=False) for _ in range(more)]
            before = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(256, SIZE, bias=False)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Descriptors float32 [n, 128], finite, of images float32 [n, 3, h, w] in [-1, 1]."""
        descriptors: Tensor = self.head(self.blocks(self._stemmed(images)).mean(dim=(2, 3)))
        return descriptors

    def tapped(self, images: Tensor) -> list[Tensor]:
        """What its first three stages make of images float32 [n, 3, h, w] in [-1, 1], each ≥ 0.

        [n, 32, 35, 35], [n, 64, 17, 17], [n, 128, 8, 8].
        """
        x, tapped = self._stemmed(images), []
        for block, following in pairwise(self.blocks):
            x = block(x)
            if following.halving:
                tapped.append(x)
            if len(tapped) == len(TAPPED):
                break  # what later stages make is not asked for
        return tapped

    def _stemmed(self, images: Tensor) -> Tensor:
        h, w = images.shape[2:]
        top, left = round(_TOP * h), round(_LEFT * w)
        face = images[:, :, top : top + round(_SQUARE * h), left : left + round(_SQUARE * w)]
        x = F.interpolate(face, (SIDE_PX, SIDE_PX), mode="bilinear", antialias=True)
        x = ((x + 1) * 127.5 - self.mean) / 255
        x = F.relu(self.stem(x.contiguous(memory_format=torch.channels_last)))
        return F.max_pool2d(x, 3, 2)


def load_descriptor(path: Path = WEIGHTS) -> FaceDescriptor:
    """The network with its weights, in eval mode and without gradients for them."""
    return restored(FaceDescriptor(), path)


def restored(network: Network, path: Path, what: str = "face descriptor") -> Network:
    """`network` with the weights at `path` (float16 there), in eval mode and without gradients for them.

    Raises `CheckpointError` where the file is not of this network, which `what` calls it."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        network.load_state_dict(load_file(path))  # float16 to float32
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{path}: not the weights of a {what} ({error})") from error
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
