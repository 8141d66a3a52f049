"""Layer distance: how differently EfficientNet-Lite0's layers see two images; needs no download.

The idea is LPIPS's (Zhang et al. 2018, arXiv 1801.03924, equation 1) with all weights 1. Five layers of the ImageNet
network, each of unit length over its channels; squared differences are summed over channels, and averaged over places
and layers. Its numbers compare among themselves alone, never with those of LPIPS.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from forensics.backbones.efficientnet_lite import FoldedLite0, load_imagenet

PX: Final = 128  # images are brought to this size first
_TAPS: Final = (1, 3, 5, 8, 11)  # of `FoldedLite0.layers`: 16, 24, 40, 80 and 112 channels
_LEAST_LENGTH: Final = 1e-8


class LayerDistance(nn.Module):
    """Distance of images float32 [n, 3, h, w], nominally in [-1, 1], pair by pair."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = FoldedLite0()

    def features(self, images: Tensor) -> list[Tensor]:
        """Five maps float32 [n, c, h', w'] of unit length at each place, of images float32 [n, 3, h, w] in [-1, 1]."""
        layers = [self.trunk.stem(_sized(images))]
        for block in list(self.trunk.blocks)[: _TAPS[-1]]:
            layers.append(block(layers[-1]))
        return [functional.normalize(layers[tap], dim=1, eps=_LEAST_LENGTH) for tap in _TAPS]

    def between(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        """float32 [n] in [0, 4] of what `features` gave of two batches."""
        parts = [(one - two).square().sum(dim=1).mean(dim=(1, 2)) for one, two in zip(a, b, strict=True)]
        return torch.stack(parts).mean(dim=0)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """float32 [n] in [0, 4], 0 for equal images, of two batches float32 [n, 3, h, w] in [-1, 1]."""
        return self.between(self.features(a), self.features(b))


def _sized(images: Tensor) -> Tensor:
    if images.shape[-2:] == (PX, PX):
        return images
    if min(images.shape[-2:]) >= PX:
        return functional.interpolate(images, (PX, PX), mode="area")
    return functional.interpolate(images, (PX, PX), mode="bilinear", align_corners=False)


def load_layer_distance(device: torch.device | str = "cpu") -> LayerDistance:
    """The network with its weights, in eval mode and without gradients for them. DetectorError: not installed."""
    distance = LayerDistance()
    distance.trunk.absorb(load_imagenet(0))
    return distance.eval().requires_grad_(False).to(device)
