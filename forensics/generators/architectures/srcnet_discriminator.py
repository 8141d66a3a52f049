"""The discriminator of SrcNet: residual blocks of falling size, minibatch std, a logit.

Module names are those of its `checkpoint.pt`.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.architectures.layers.equalised import MinibatchStdLayer
from forensics.generators.architectures.layers.srcnet import EqualisedConv, EqualisedLinear, activate, widths


class DiscriminatorBlock(nn.Module):
    """Halves the size: 3x3, then 3x3 of stride 2, beside a 1x1 of stride 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        middle = (in_channels + out_channels) // 2
        self.conv = EqualisedConv(in_channels, middle, 3, padding=1)
        self.downconv = EqualisedConv(middle, out_channels, 3, stride=2, padding=1)
        self.skip = EqualisedConv(in_channels, out_channels, 1, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in, r, r] to [n, out, r / 2, r / 2]; float32, any value."""
        y = activate(self.downconv(activate(self.conv(x))))
        total: Tensor = y + self.skip(x)
        return total * math.sqrt(0.5)


@register(
    "architecture",
    "srcnet-discriminator",
    Card(
        "Residual discriminator of the weight study.",
        domain="images, square",
    ),
)
class SrcNetDiscriminator(nn.Module):
    """Normalised images [n, img_channels, R, R] to logits [n, 1]; sigmoid gives the probability of a real image.

    Minibatch std runs over groups of 4 images that stand a quarter of the batch apart: n is a multiple of 4, or
    below 4 (then one group).
    """

    def __init__(
        self,
        *,
        img_resolution: int = 128,
        img_channels: int = 3,
        num_blocks: int = 5,
        channel_max: int = 128,
        channel_min: int = 64,
    ) -> None:
        super().__init__()
        self.img_resolution, self.img_channels, self.num_blocks = img_resolution, img_channels, num_blocks
        maps = widths(channel_min, channel_max, num_blocks)
        size = img_resolution
        self.from_channels = EqualisedConv(img_channels, maps[0], 1)
        for i in range(num_blocks):
            self.add_module(str(i), DiscriminatorBlock(maps[i], maps[i + 1]))
            size = (size + 1) // 2  # a stride of 2 keeps the odd pixel
        self.mbstd = MinibatchStdLayer(4)
        self.conv = EqualisedConv(channel_max + 1, channel_max, 3)
        self.dense = EqualisedLinear(channel_max * (size - 2) ** 2, 128)
        self.output = EqualisedLinear(128, 1)

    def forward(self, img: Tensor, c: Tensor | None = None) -> Tensor:
        """Logits [n, 1]; `c` is not used; float32, any value."""
        x = activate(self.from_channels(img))
        for i in range(self.num_blocks):
            x = self.get_submodule(str(i))(x)
        x = activate(self.conv(self.mbstd(x)))
        logits: Tensor = self.output(activate(self.dense(x.flatten(1))))
        return logits
