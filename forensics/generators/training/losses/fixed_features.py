"""What losses over fixed networks share: EfficientNet-Lite0's features, random mixing, and small heads over them.

Source: Sauer et al., "Projected GANs Converge Faster" (NeurIPS 2021), sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from forensics.backbones.efficientnet_lite import FoldedLite0, load_imagenet
from forensics.core.devices import uses_bfloat16

# Blocks of Lite0 after which the image is smaller by 4, 8, 16 and 32: their channels, and the standard deviation of
# their features over the photographs of faces that the embedded generators learn from.
TAPS = {2: (24, 10.2), 4: (40, 8.7), 10: (112, 7.9), 15: (320, 2.4)}
MIXED = 64


class Lite0Features:
    """ImageNet features of images brought to `side` pixels (bilinear), a multiple of 32 from 128 up. No state."""

    def __init__(self, side: int = 128, device: torch.device | str = "cpu") -> None:
        if side < 128 or side % 32:
            raise ValueError(f"side {side} is not possible: a multiple of 32 from 128 up")
        trunk = FoldedLite0()
        trunk.absorb(load_imagenet())
        self.side, self.device = side, torch.device(device)
        self._trunk = trunk.eval().requires_grad_(False).to(self.device).to(memory_format=torch.channels_last)

    def tapped(self, images: Tensor) -> list[Tensor]:
        """Features [n, c, side / 4 ... side / 32] at four scales, finest first, each about of unit deviation.

        Images float32 [n, 3, h, w] in [-1, 1] or near it.
        """
        x = F.interpolate(images, (self.side, self.side), mode="bilinear", antialias=True)
        x = x.contiguous(memory_format=torch.channels_last)
        x = self._trunk.stem(x)
        tapped = []
        for i, block in enumerate(self._trunk.blocks[: max(TAPS) + 1]):
            x = block(x)
            if i in TAPS:
                tapped.append(x / TAPS[i][1])
        return tapped

    def pooled(self, images: Tensor, sides: Sequence[int] = (1, 1, 2, 2)) -> Tensor:
        """The features of images float32 [n, 3, h, w] in [-1, 1] or near it as one vector an image, float32 [n, d]:
        means over a grid of `sides` fields a side, finest scale first (d = 1792 by default)."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=uses_bfloat16(str(images.device))):
            tapped = self.tapped(images)
        return torch.cat(
            [F.adaptive_avg_pool2d(x.float(), s).flatten(1) for x, s in zip(tapped, sides, strict=True)],
            dim=1,
        )


def fixed_conv(channels_in: int, channels_out: int, kernel: int, stream: torch.Generator) -> nn.Conv2d:
    """A convolution with Kaiming's random weights that is not trained."""
    conv = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False)
    with torch.no_grad():
        std = (channels_in * kernel**2) ** -0.5
        conv.weight.copy_(torch.randn(conv.weight.shape, generator=stream) * std)
    return conv.requires_grad_(False).to(memory_format=torch.channels_last)


def feature_head(size: int) -> nn.Sequential:
    """Discriminator of features [n, 64, size, size]: halved down to 4 x 4, then one logit."""
    layers: list[nn.Module] = []
    channels = MIXED
    while size > 4:
        wider = min(2 * channels, 256)
        layers += [
            spectral_norm(nn.Conv2d(channels, wider, 4, 2, 1)),
            nn.GroupNorm(16, wider),
            nn.LeakyReLU(0.2),
        ]
        channels, size = wider, size // 2
    layers.append(spectral_norm(nn.Conv2d(channels, 1, 4)))
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def feature_heads(sizes: Sequence[int], seed: int) -> nn.ModuleList:
    """A head for each size of features, its weights a function of `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.ModuleList(feature_head(size) for size in sizes)
