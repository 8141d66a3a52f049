"""Perceptual distance: how differently VGG16 sees two images, weighted by what people were seen to notice.

LPIPS of Zhang et al. 2018 (arXiv 1801.03924), section 3, in the shift-tolerant form of Ghildyal and Liu 2022 (arXiv
2207.13686): a pooling is a maximum at stride 1, then a blur at stride 2. Its numbers compare among themselves, not with
those of plain LPIPS. The weights are pulled: `forensics models pull lpips-vgg`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.backbones.face_descriptor import restored
from forensics.core.weights import weights_file

NAME: Final = "lpips-vgg"
SMALLEST_PX: Final = 32  # under it the last blur has nothing to mirror
_CHANNELS: Final = (64, 128, 256, 512, 512)
_CONVOLUTIONS: Final = (2, 2, 3, 3, 3)
_MIRRORED_PX: Final = 2
_LEAST_LENGTH: Final = 1e-10


class _Blur(nn.Module):
    """[1, 2, 1] in both directions at stride 2, mirrored by 2 px: one more than the filter needs, as trained."""

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", torch.zeros(channels, 1, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        padded = F.pad(x, (_MIRRORED_PX,) * 4, mode="reflect")
        return F.conv2d(padded, self.filt, stride=2, groups=len(self.filt))


class _Scaling(nn.Module):
    """Colours as the trunk expects them."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(1, 3, 1, 1))
        self.register_buffer("scale", torch.ones(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift) / self.scale


def _trunk() -> nn.ModuleDict:
    """The five stages of VGG16, numbered as in the file."""
    stages, place, before = nn.ModuleDict(), 0, 3
    for number, (channels, count) in enumerate(zip(_CHANNELS, _CONVOLUTIONS, strict=True), 1):
        layers = nn.ModuleDict()
        if number > 1:
            layers[str(place + 1)] = _Blur(before)
            place += 2
        for _ in range(count):
            layers[str(place)] = nn.Conv2d(before, channels, 3, padding=1)
            place, before = place + 2, channels
        stages[f"slice{number}"] = layers
    return stages


class PerceptualDistance(nn.Module):
    """Distance of images float32 [n, 3, h, w] in [-1, 1], pair by pair; h and w at least 32 px."""

    def __init__(self) -> None:
        super().__init__()
        self.scaling_layer, self.net = _Scaling(), _trunk()
        for number, channels in enumerate(_CHANNELS):
            head = nn.ModuleDict({"1": nn.Conv2d(channels, 1, 1, bias=False)})
            setattr(self, f"lin{number}", nn.ModuleDict({"model": head}))

    def features(self, images: Tensor) -> list[Tensor]:
        """What the distance compares: five maps float32 [n, c, h, w] of unit length at each place."""
        x, maps = self.scaling_layer(images), []
        for stage in self.net.values():
            for layer in stage.children():
                x = layer(F.max_pool2d(x, 2, stride=1)) if isinstance(layer, _Blur) else F.relu(layer(x))
            maps.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + _LEAST_LENGTH))
        return maps

    def between(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        """The distance float32 [n], at least 0, of what `features` gave of two batches."""
        total = torch.zeros(len(a[0]), device=a[0].device)
        for number, (one, two) in enumerate(zip(a, b, strict=True)):
            weight = getattr(self, f"lin{number}")["model"]["1"].weight
            total = total + F.conv2d((one - two).square(), weight).mean(dim=(1, 2, 3))
        return total

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """float32 [n], at least 0 and 0 for equal images, of two batches float32 [n, 3, h, w] in [-1, 1].

        ValueError: images of less than 32 px.
        """
        if min(a.shape[2:]) < SMALLEST_PX or a.shape[2:] != b.shape[2:]:
            raise ValueError(
                f"images of {list(a.shape)} and {list(b.shape)}: give one size, {SMALLEST_PX} px or more"
            )
        return self.between(self.features(a), self.features(b))


def load_perceptual_distance(path: Path | None = None) -> PerceptualDistance:
    """The network with its weights, in eval mode and without gradients for them.

    Raises NetworkMissing, one line with the command to run, where it was not pulled.
    """
    return restored(PerceptualDistance(), path or weights_file(NAME), "perceptual distance")
