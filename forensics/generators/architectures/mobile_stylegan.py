"""MobileStyleGAN: a small generator taught by StyleGAN2 in StyleGAN2's own W, with wavelets for upsampling.

Shapes: ws [n, num_ws, w_dim], one w a modulated layer. Layers in order: `b4.conv`; at each size r = 8, 16, ... up to
half of the image's `b<r>.up`, `b<r>.conv0`, `b<r>.conv1`; `torgb`. At 1024 px these are 23. They group as StyleGAN's:
coarse, up to 8 px (ws 0 to 3, pose and shape); middle, 16 and 32 px (4 to 9, features of the face); fine, the rest
(colours, texture).

Source: Belousov, "MobileStyleGAN" (arXiv 2104.04767), with the graph of the network its author released.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.architectures.layers import mobile_strips
from forensics.generators.architectures.layers.convolution import needs_gradient
from forensics.generators.architectures.layers.mapping import MappingNetwork
from forensics.generators.architectures.layers.mobile_stylegan import ImageHead, Level, Modulated, NoisyConv
from forensics.generators.architectures.stylegan2 import channels_at
from forensics.generators.base import Generator, Noise

COARSE_UP_TO_PX = 8
MIDDLE_UP_TO_PX = 32


@dataclass(frozen=True)
class MobileStyleGANConfig:
    """Constructor arguments of `MobileStyleGANGenerator`; see there."""

    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    img_resolution: int = 1024
    img_channels: int = 3
    channel_base: int = 32768
    channel_max: int = 512
    num_mapping_layers: int = 8
    pixel_head: bool = False


class SynthesisNetwork(nn.Module):
    """The constant, the levels b4, b8, ... and the image head."""

    def __init__(self, config: MobileStyleGANConfig) -> None:
        super().__init__()
        levels = range(2, int(math.log2(config.img_resolution)) + config.pixel_head)
        self.resolutions = [2**i for i in levels]
        width = {r: channels_at(r, config.channel_base, config.channel_max) for r in self.resolutions}
        if any(channels % 4 for channels in width.values()):
            raise ValueError(f"feature maps are sub-bands in fours, not {list(width.values())}")
        self.const = nn.Parameter(torch.randn(width[4], 4, 4))
        first = NoisyConv(width[4], width[4], w_dim=config.w_dim, resolution=4, separable=False)
        self.b4 = nn.ModuleDict({"conv": first})
        for r in self.resolutions[1:]:
            setattr(self, f"b{r}", Level(width[r // 2], width[r], w_dim=config.w_dim, resolution=r))
        last = width[self.resolutions[-1]]
        self.torgb = ImageHead(
            last, config.img_channels, w_dim=config.w_dim, makes_bands=not config.pixel_head
        )

    def levels(self) -> Iterator[tuple[int, Level]]:
        """(size, level) from 8 px on."""
        for r in self.resolutions[1:]:
            yield r, getattr(self, f"b{r}")

    def layers(self) -> Iterator[tuple[str, Modulated]]:
        """(name, layer) of every modulated layer in synthesis order."""
        yield "b4.conv", self._first()
        for r, level in self.levels():
            yield from ((f"b{r}.{name}", layer) for name, layer in level.layers())
        yield "torgb", self.torgb

    def start(self, styles: Tensor, noise: Tensor | None) -> Tensor:
        """Styles [n, c] of the first layer to its maps, [n, c, 4, 4]; float32, any value."""
        x: Tensor = self._first()(self.const.expand(styles.shape[0], -1, -1, -1), styles, noise)
        return x

    def _first(self) -> NoisyConv:
        conv = self.b4["conv"]
        assert isinstance(conv, NoisyConv)
        return conv


@register(
    "architecture",
    "mobile-stylegan",
    Card(
        "Generator taught by StyleGAN2 in its own W: wavelets and depthwise separable convolutions.",
        paper="Belousov 2021, arXiv 2104.04767",
        licence="Apache-2.0; published weights: research use, from NVIDIA's StyleGAN2-FFHQ",
    ),
)
class MobileStyleGANGenerator(Generator):
    """z [n, z_dim] to images [n, img_channels, R, R]; R is a power of two from 16 up.

    Widths: min(channel_base / r, channel_max) feature maps at r pixels, r up to R / 2; multiples of 4. With
    `pixel_head` the levels go up to R and the head makes pixels, not the sub-bands of an image twice as large.
    """

    kind = "mobile-stylegan"

    def __init__(self, **options: Any) -> None:
        config = MobileStyleGANConfig(**options)
        super().__init__(
            z_dim=config.z_dim,
            c_dim=config.c_dim,
            w_dim=config.w_dim,
            img_resolution=config.img_resolution,
            img_channels=config.img_channels,
        )
        self.synthesis = SynthesisNetwork(config)
        self.mapping = MappingNetwork(
            config.z_dim, config.c_dim, config.w_dim, num_layers=config.num_mapping_layers
        )

    @property
    def num_ws(self) -> int:
        """One a modulated layer: 3 log2(R) - 7, with a pixel head 3 log2(R) - 4."""
        return 3 * len(self.synthesis.resolutions) - 1

    @property
    def w_avg(self) -> Tensor:  # type: ignore[override]
        """Mean of W, [w_dim]; float32, any value."""
        return self.mapping.w_avg

    @property
    def layer_groups(self) -> dict[str, range]:
        """coarse, middle and fine: which of ws each holds."""
        coarse = 1 + 3 * sum(4 < r <= COARSE_UP_TO_PX for r in self.synthesis.resolutions)
        middle = coarse + 3 * sum(COARSE_UP_TO_PX < r <= MIDDLE_UP_TO_PX for r in self.synthesis.resolutions)
        return {
            "coarse": range(coarse),
            "middle": range(coarse, middle),
            "fine": range(middle, self.num_ws),
        }

    @property
    def stylegan2_layers(self) -> list[int]:
        """For each of ws, which of the teacher's ws (StyleGAN2 of the same size) steers the same maps.

        `ws = theirs[:, G.stylegan2_layers]` takes a W+ code of StyleGAN2, [n, 2 log2(R) - 2, w_dim], to one of ours.
        """
        indices = [0]
        for r in self.synthesis.resolutions[1:]:
            first = 2 * int(math.log2(r)) - 5
            indices += [first, first, first + 1]
        return [*indices, indices[-1] + 1]

    @property
    def style_sizes(self) -> dict[str, int]:
        """Channels of each modulated layer by name (`b4.conv`, `b8.up`, `b8.conv0`, ..., `torgb`)."""
        return {name: layer.in_channels for name, layer in self.synthesis.layers()}

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        """One square map a convolution: 4, 8, 8, 16, 16, ... pixels a side."""
        return [(layer.resolution, layer.resolution) for layer in self._noisy()]

    @property
    def feature_sizes(self) -> list[int]:
        """4, 8, ... up to half of the image's size; with a pixel head, up to it."""
        return self.synthesis.resolutions

    def _noisy(self) -> list[NoisyConv]:
        return [layer for _, layer in self.synthesis.layers() if isinstance(layer, NoisyConv)]

    def broadcast_w(self, z: Tensor, c: Tensor | None) -> Tensor:
        """ws [n, num_ws, w_dim], every layer alike; float32, any value."""
        w: Tensor = self.mapping(z, c)
        return w[:, None].expand(-1, self.num_ws, -1)

    def layer_styles(self, ws: Tensor) -> list[Tensor]:
        """Affine outputs of every modulated layer, before the gain of its weights.

        As float32 [n, channels] each, any value.
        """
        return [layer.affine(ws[:, i]) for i, (_, layer) in enumerate(self.synthesis.layers())]

    def noise_by_mode(self, like: Tensor, mode: str) -> list[Tensor | None]:
        """The maps in the file, fresh ones, or none; float32 [n or 1, 1, h, w] each, normal."""
        return [layer.noise_map(like, mode) for layer in self._noisy()]

    def run_synthesis(
        self, styles: Sequence[Tensor], noise: Noise, noise_strength: float | Sequence[float]
    ) -> Tensor:
        """Image of one style vector a modulated layer; float32 [n, img_channels, H, W], nominally in [-1, 1]."""
        maps = self.noise_maps(styles[0], noise, noise_strength)
        x = self.synthesis.start(styles[0], maps[0])
        return self._finished(x, 4, styles, maps)

    def run_to(
        self, styles: Sequence[Tensor], noise: Noise, noise_strength: float | Sequence[float], at: int
    ) -> Tensor:
        """[n, c, at, at]: the maps that the level of `at` pixels puts out; float32, any value."""
        maps = self.noise_maps(styles[0], noise, noise_strength)
        x = self.synthesis.start(styles[0], maps[0])
        for k, (r, level) in enumerate(self.synthesis.levels()):
            if r > at:
                break
            x = level(x, list(styles[3 * k + 1 : 3 * k + 4]), maps[2 * k + 1 : 2 * k + 3])
        return x

    def run_from(
        self,
        features: Tensor,
        styles: Sequence[Tensor],
        noise: Noise,
        noise_strength: float | Sequence[float],
        at: int,
    ) -> Tensor:
        """The image from the maps of the level of `at` pixels.

        As float32 [n, img_channels, H, W], nominally in [-1, 1].
        """
        return self._finished(features, at, styles, self.noise_maps(styles[0], noise, noise_strength))

    def _finished(
        self, x: Tensor, at: int, styles: Sequence[Tensor], maps: Sequence[Tensor | None]
    ) -> Tensor:
        """The image from maps `x` of `at` pixels."""
        synthesis = self.synthesis
        in_strips = mobile_strips.possible(x) and not (
            self.whole_maps or needs_gradient(x, *styles, *maps, *self.parameters())
        )
        for k, (r, level) in enumerate(synthesis.levels()):
            if r <= at:
                continue
            s, m = list(styles[3 * k + 1 : 3 * k + 4]), list(maps[2 * k + 1 : 2 * k + 3])
            if not in_strips or r < mobile_strips.SMALLEST_PX:
                x = level(x, s, m)
            elif r < synthesis.resolutions[-1]:
                x = mobile_strips.level(level, x, s, m)
            else:
                return mobile_strips.level_and_image(level, synthesis.torgb, x, [*s, styles[-1]], m)
        image: Tensor = synthesis.torgb(x, styles[-1])
        return image
