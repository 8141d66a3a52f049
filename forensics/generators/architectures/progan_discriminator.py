"""The progressively grown discriminator of ProGAN, and of StyleGAN (which adds a blur).

Sources: Karras et al., "Progressive Growing of GANs" (ICLR 2018), table 2; "A Style-Based Generator Architecture for
Generative Adversarial Networks" (CVPR 2019), appendix C.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.architectures.layers.equalised import LRELU_SLOPE, MinibatchStdLayer
from forensics.generators.architectures.layers.progressive import (
    Blur,
    Growing,
    ScaledConv,
    ScaledLinear,
    shrink,
)
from forensics.generators.architectures.stylegan2 import channels_at


class DiscriminatorBlock(nn.Module):
    """From colours, or from the block above: two 3x3 convolutions and half the size.

    ProGAN averages 2x2 pixels after the second activation; StyleGAN (`blur`) filters before the second convolution
    and averages before its bias.
    """

    def __init__(self, in_channels: int, out_channels: int, img_channels: int, *, blur: bool) -> None:
        super().__init__()
        self.fromrgb = ScaledConv(img_channels, in_channels, 1)
        self.conv0 = ScaledConv(in_channels, in_channels, 3)
        self.blur = Blur() if blur else None
        self.conv1 = ScaledConv(in_channels, out_channels, 3, resample="down" if blur else None)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in, r, r] to [n, out, r / 2, r / 2]; float32, any value."""
        x = F.leaky_relu(self.conv0(x), LRELU_SLOPE)
        if self.blur is not None:
            return F.leaky_relu(self.conv1(self.blur(x)), LRELU_SLOPE)
        return F.avg_pool2d(F.leaky_relu(self.conv1(x), LRELU_SLOPE), 2)


class DiscriminatorEpilogue(nn.Module):
    """4 x 4 features to a logit."""

    def __init__(
        self, channels: int, img_channels: int, *, group_size: int | None, num_channels: int
    ) -> None:
        super().__init__()
        self.fromrgb = ScaledConv(img_channels, channels, 1)
        self.mbstd = MinibatchStdLayer(group_size, num_channels) if num_channels else None
        self.conv = ScaledConv(channels + num_channels, channels, 3)
        self.fc = ScaledLinear(channels * 16, channels)
        self.out = ScaledLinear(channels, 1, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """[n, c, 4, 4] to logits [n, 1]; float32, any value."""
        if self.mbstd is not None:
            x = self.mbstd(x)
        x = F.leaky_relu(self.conv(x), LRELU_SLOPE).flatten(1)
        logits: Tensor = self.out(F.leaky_relu(self.fc(x), LRELU_SLOPE))
        return logits


@register(
    "architecture",
    "progan-discriminator",
    Card(
        "Progressively grown discriminator with minibatch std.",
        paper="Karras et al. 2018, arXiv 1710.10196",
        domain="images, square",
    ),
)
class ProGANDiscriminator(Growing):
    """Images [n, img_channels, R, R] to logits [n, 1]; higher = more real.

    At a level of detail above 0 the image is averaged down first. Minibatch std over groups of `mbstd_group_size`
    (None: the batch), `mbstd_num_channels` maps (0: none).
    """

    blurs = False

    def __init__(
        self,
        *,
        img_resolution: int = 1024,
        img_channels: int = 3,
        channel_base: int = 16384,
        channel_max: int = 512,
        mbstd_group_size: int | None = 4,
        mbstd_num_channels: int = 1,
    ) -> None:
        super().__init__(img_resolution)
        self.img_resolution, self.img_channels = img_resolution, img_channels
        width = {r: channels_at(r, channel_base, channel_max) for r in self.resolutions}
        for r in self.resolutions[:0:-1]:
            block = DiscriminatorBlock(width[r], width[r // 2], img_channels, blur=self.blurs)
            setattr(self, f"b{r}", block)
        self.b4 = DiscriminatorEpilogue(
            width[4], img_channels, group_size=mbstd_group_size, num_channels=mbstd_num_channels
        )

    def _features(self, r: int, img: Tensor) -> Tensor:
        return F.leaky_relu(getattr(self, f"b{r}").fromrgb(img), LRELU_SLOPE)

    def forward(self, img: Tensor, c: Tensor | None = None) -> Tensor:
        """Logits [n, 1]; `c` is not used; float32, any value."""
        top, fade = self.stage()
        img = shrink(img, self.resolutions[-1] // self.resolutions[top])
        x = self._features(self.resolutions[top], img)
        for i in range(top, 0, -1):
            x = getattr(self, f"b{self.resolutions[i]}")(x)
            if i == top and fade > 0:
                x = x.lerp(self._features(self.resolutions[i - 1], shrink(img, 2)), fade)
        logits: Tensor = self.b4(x)
        return logits
