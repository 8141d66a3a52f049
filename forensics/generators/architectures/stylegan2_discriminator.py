"""The StyleGAN2 discriminator: resnet, skip or orig, with minibatch std and a projection head for labels.

Source: Karras et al. (CVPR 2020), section 3; Miyato & Koyama, "cGANs with Projection Discriminator" (2018).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.architectures.layers.equalised import (
    Conv2dLayer,
    FullyConnectedLayer,
    MinibatchStdLayer,
)
from forensics.generators.architectures.layers.filtering import downsample2d, fir_filter
from forensics.generators.architectures.layers.mapping import MappingNetwork
from forensics.generators.architectures.layers.stylegan2 import check_resolution
from forensics.generators.architectures.stylegan2 import channels_at


class DiscriminatorBlock(nn.Module):
    """Two 3x3 convolutions, the second of stride 2."""

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        tmp_channels: int,
        out_channels: int,
        *,
        img_channels: int,
        architecture: str,
        conv_clamp: float | None,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.register_buffer("resample_filter", fir_filter())
        if in_channels == 0 or architecture == "skip":
            self.fromrgb = Conv2dLayer(
                img_channels, tmp_channels, 1, activation="lrelu", conv_clamp=conv_clamp
            )
        self.conv0 = Conv2dLayer(tmp_channels, tmp_channels, 3, activation="lrelu", conv_clamp=conv_clamp)
        self.conv1 = Conv2dLayer(
            tmp_channels, out_channels, 3, activation="lrelu", resample="down", conv_clamp=conv_clamp
        )
        if architecture == "resnet":
            self.skip = Conv2dLayer(tmp_channels, out_channels, 1, bias=False, resample="down")

    def forward(self, x: Tensor | None, img: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Features [n, c, r, r] and, where still needed, the image at r, to both at r / 2; float32, any value."""
        if hasattr(self, "fromrgb"):
            y = self.fromrgb(img)
            x = y if x is None else x + y
            img = downsample2d(img, self.resample_filter) if self.architecture == "skip" else None  # type: ignore[arg-type]
        assert x is not None
        if self.architecture == "resnet":
            y = self.skip(x, gain=math.sqrt(0.5))
            return y.add_(self.conv1(self.conv0(x), gain=math.sqrt(0.5))), img
        return self.conv1(self.conv0(x)), img


class DiscriminatorEpilogue(nn.Module):
    """4 x 4 features to a logit, or to the vector that is projected on the label's."""

    def __init__(
        self,
        in_channels: int,
        *,
        cmap_dim: int,
        img_channels: int,
        architecture: str,
        mbstd_group_size: int | None,
        mbstd_num_channels: int,
        conv_clamp: float | None,
    ) -> None:
        super().__init__()
        self.cmap_dim = cmap_dim
        if architecture == "skip":
            self.fromrgb = Conv2dLayer(img_channels, in_channels, 1, activation="lrelu")
        self.mbstd = MinibatchStdLayer(mbstd_group_size, mbstd_num_channels) if mbstd_num_channels else None
        self.conv = Conv2dLayer(
            in_channels + mbstd_num_channels, in_channels, 3, activation="lrelu", conv_clamp=conv_clamp
        )
        self.fc = FullyConnectedLayer(in_channels * 16, in_channels, activation="lrelu")
        self.out = FullyConnectedLayer(in_channels, max(cmap_dim, 1))

    def forward(self, x: Tensor, img: Tensor | None, cmap: Tensor | None) -> Tensor:
        """[n, c, 4, 4] to logits [n, 1]; float32, any value."""
        if hasattr(self, "fromrgb"):
            x = x + self.fromrgb(img)
        if self.mbstd is not None:
            x = self.mbstd(x)
        x = self.out(self.fc(self.conv(x).flatten(1)))
        return x if cmap is None else (x * cmap).sum(dim=1, keepdim=True) / math.sqrt(self.cmap_dim)


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Constructor arguments of `StyleGAN2Discriminator`; see there."""

    c_dim: int = 0
    img_resolution: int = 1024
    img_channels: int = 3
    channel_base: int = 32768
    channel_max: int = 512
    architecture: str = "resnet"
    conv_clamp: float | None = None
    cmap_dim: int | None = None
    num_mapping_layers: int = 8
    mbstd_group_size: int | None = 4
    mbstd_num_channels: int = 1


@register(
    "architecture",
    "stylegan2-discriminator",
    Card(
        "Discriminator of StyleGAN2 and 3: resnet, skip or orig, minibatch std, projection of labels.",
        paper="Karras et al. 2020, arXiv 1912.04958; Miyato and Koyama 2018, arXiv 1802.05637",
        domain="images, square",
    ),
)
class StyleGAN2Discriminator(nn.Module):
    """Images [n, img_channels, R, R] (and one-hot labels [n, c_dim]) to logits [n, 1]; higher = more real.

    `architecture` is resnet, skip or orig; minibatch std over groups of `mbstd_group_size` (None: the batch),
    `mbstd_num_channels` maps (0: none).
    """

    def __init__(self, **options: Any) -> None:
        config = DiscriminatorConfig(**options)
        if config.architecture not in ("resnet", "skip", "orig"):
            raise ValueError(
                f"discriminator architecture is resnet, skip or orig, not {config.architecture!r}"
            )
        super().__init__()
        check_resolution(config.img_resolution)
        self.c_dim, self.img_resolution, self.img_channels = (
            config.c_dim,
            config.img_resolution,
            config.img_channels,
        )
        self.resolutions = [2**i for i in range(int(math.log2(config.img_resolution)), 2, -1)]
        width = {r: channels_at(r, config.channel_base, config.channel_max) for r in [*self.resolutions, 4]}
        projected = config.cmap_dim if config.cmap_dim is not None else width[4]
        cmap_dim = projected if config.c_dim > 0 else 0
        for r in self.resolutions:
            block = DiscriminatorBlock(
                width[r] if r < config.img_resolution else 0,
                width[r],
                width[r // 2],
                img_channels=config.img_channels,
                architecture=config.architecture,
                conv_clamp=config.conv_clamp,
            )
            setattr(self, f"b{r}", block)
        if config.c_dim > 0:
            self.mapping = MappingNetwork(
                0, config.c_dim, cmap_dim, num_layers=config.num_mapping_layers, track_w_avg=False
            )
        self.b4 = DiscriminatorEpilogue(
            width[4],
            cmap_dim=cmap_dim,
            img_channels=config.img_channels,
            architecture=config.architecture,
            mbstd_group_size=config.mbstd_group_size,
            mbstd_num_channels=config.mbstd_num_channels,
            conv_clamp=config.conv_clamp,
        )

    def forward(self, img: Tensor, c: Tensor | None = None) -> Tensor:
        """Logits [n, 1]; float32, any value."""
        image: Tensor | None = img.contiguous(memory_format=torch.channels_last)
        x: Tensor | None = None
        for r in self.resolutions:
            x, image = getattr(self, f"b{r}")(x, image)
        cmap = self.mapping(None, c) if self.c_dim > 0 else None
        logits: Tensor = self.b4(x, image, cmap)
        return logits
