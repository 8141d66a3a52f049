"""StyleGAN: the style-based generator with adaptive instance normalisation, progressively grown.

Shapes: n images, c channels, r pixels a side; ws [n, num_ws, w_dim]. A layer is: convolution, [1, 2, 1] blur where
it doubled the size, noise (one weight a channel), bias, leaky ReLU, instance normalisation, then
x (s0 + 1) + s1, the styles s0 and s1 being affine in w.

Source: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (CVPR 2019).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.architectures.layers.equalised import LRELU_SLOPE
from forensics.generators.architectures.layers.noise import noise_by_mode
from forensics.generators.architectures.layers.progressive import (
    Blur,
    Growing,
    ScaledConv,
    ScaledLinear,
    enlarge,
    pixel_norm,
)
from forensics.generators.architectures.stylegan2 import channels_at
from forensics.generators.base import Generator, Noise


def adaptive_instance_norm(x: Tensor, styles: Tensor, eps: float = 1e-8) -> Tensor:
    """Give each map of `x` [n, c, h, w] the mean s1 and the deviation |s0 + 1|, `styles` [n, 2c] being s0, s1.

    All float32, any value.
    """
    s0, s1 = styles[:, :, None, None].chunk(2, dim=1)
    var, mean = torch.var_mean(x, dim=(2, 3), correction=0, keepdim=True)
    scale = (s0 + 1) * (var + eps).rsqrt()
    return torch.addcmul(s1 - mean * scale, x, scale)


class MappingNetwork(nn.Module):
    """z [n, z_dim] to w [n, w_dim]; `w_avg` is the mean of w, tracked in training."""

    w_avg: Tensor

    def __init__(self, z_dim: int, w_dim: int, *, num_layers: int, lr_multiplier: float) -> None:
        super().__init__()
        self.num_layers = num_layers
        for i in range(num_layers):
            layer = ScaledLinear(z_dim if i == 0 else w_dim, w_dim, lr_multiplier=lr_multiplier)
            setattr(self, f"fc{i}", layer)
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor) -> Tensor:
        """w, untruncated; float32 [n, w_dim], any value."""
        x = pixel_norm(z)
        for i in range(self.num_layers):
            x = F.leaky_relu(getattr(self, f"fc{i}")(x), LRELU_SLOPE)
        return x


class SynthesisLayer(nn.Module):
    """Convolution (none for the constant), noise, bias, leaky ReLU, AdaIN."""

    noise_const: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, *, w_dim: int, resolution: int, up: bool = False
    ) -> None:
        super().__init__()
        self.out_channels, self.resolution = out_channels, resolution
        self.conv = (
            ScaledConv(in_channels, out_channels, 3, bias=False, resample="up" if up else None)
            if in_channels
            else None
        )
        self.blur = Blur() if up else None
        self.noise_strength = nn.Parameter(torch.zeros(out_channels))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.affine = ScaledLinear(w_dim, 2 * out_channels, gain=1.0)
        self.register_buffer("noise_const", torch.randn(resolution, resolution))

    def forward(self, x: Tensor, styles: Tensor, noise: Tensor | None) -> Tensor:
        """[n, in, h, h], styles [n, 2 out] and noise [n or 1, 1, r, r] to [n, out, r, r]; float32, any value."""
        if self.conv is not None:
            x = self.conv(x)
        if self.blur is not None:
            x = self.blur(x)
        x = x + self.bias[:, None, None]
        if noise is not None:
            x = torch.addcmul(x, noise, self.noise_strength[:, None, None])
        return adaptive_instance_norm(F.leaky_relu(x, LRELU_SLOPE), styles)

    def noise_map(self, like: Tensor, noise: str) -> Tensor | None:
        """The noise of mode "const", "random" or "none" for the batch of `like`.

        As float32 [n or 1, 1, h, w], normal.
        """
        return noise_by_mode(self.noise_const, like, noise)


class SynthesisBlock(nn.Module):
    """The two layers of one resolution, and the colours they would give if it were the last."""

    def __init__(
        self, in_channels: int, out_channels: int, img_channels: int, *, w_dim: int, resolution: int
    ) -> None:
        super().__init__()
        if in_channels == 0:
            self.const = nn.Parameter(torch.ones(out_channels, resolution, resolution))
        self.is_first = in_channels == 0
        self.layer0 = SynthesisLayer(
            in_channels, out_channels, w_dim=w_dim, resolution=resolution, up=not self.is_first
        )
        self.layer1 = SynthesisLayer(out_channels, out_channels, w_dim=w_dim, resolution=resolution)
        self.torgb = ScaledConv(out_channels, img_channels, 1, gain=1.0)

    def forward(self, x: Tensor | None, styles: Sequence[Tensor], noise: Sequence[Tensor | None]) -> Tensor:
        """[n, in, r / 2, r / 2] (None in the first block) to [n, out, r, r]; float32, any value."""
        if x is None:
            x = self.const[None].expand(styles[0].shape[0], -1, -1, -1)
        y: Tensor = self.layer1(self.layer0(x, styles[0], noise[0]), styles[1], noise[1])
        return y


class SynthesisNetwork(Growing):
    """Blocks b4, b8, ... and the level of detail at which they are used."""

    def __init__(
        self, w_dim: int, img_resolution: int, img_channels: int, *, channel_base: int, channel_max: int
    ) -> None:
        super().__init__(img_resolution)
        channels = 0
        for r in self.resolutions:
            out_channels = channels_at(r, channel_base, channel_max)
            setattr(
                self,
                f"b{r}",
                SynthesisBlock(channels, out_channels, img_channels, w_dim=w_dim, resolution=r),
            )
            channels = out_channels

    def layers(self) -> Iterator[tuple[str, SynthesisLayer]]:
        """(name, layer) in synthesis order."""
        for r in self.resolutions:
            for name in ("layer0", "layer1"):
                yield f"b{r}.{name}", cast(SynthesisLayer, self.get_submodule(f"b{r}.{name}"))

    def forward(self, styles: Sequence[Tensor], noise: Sequence[Tensor | None]) -> Tensor:
        """Styles and noise maps of every layer to images of the full size; below it, enlarged pixels."""
        top, fade = self.stage()
        x: Tensor | None = None
        below: Tensor | None = None
        for i, r in enumerate(self.resolutions[: top + 1]):
            pair = slice(2 * i, 2 * i + 2)
            below, x = x, getattr(self, f"b{r}")(x, styles[pair], noise[pair])
        img: Tensor = getattr(self, f"b{self.resolutions[top]}").torgb(x)
        if fade > 0:
            old = getattr(self, f"b{self.resolutions[top - 1]}").torgb(below)
            img = img.lerp(enlarge(old, 2), fade)
        return enlarge(img, self.resolutions[-1] // self.resolutions[top])


@dataclass(frozen=True)
class StyleGANConfig:
    """Constructor arguments of `StyleGANGenerator`; see there."""

    z_dim: int = 512
    w_dim: int = 512
    img_resolution: int = 1024
    img_channels: int = 3
    channel_base: int = 16384
    channel_max: int = 512
    num_mapping_layers: int = 8
    mapping_lr_multiplier: float = 0.01


@register(
    "architecture",
    "stylegan",
    Card(
        "Progressively grown generator with adaptive instance normalisation.",
        paper="Karras et al. 2019, arXiv 1812.04948",
    ),
)
class StyleGANGenerator(Generator):
    """z [n, z_dim] to images [n, img_channels, R, R], R a power of two from 4 up.

    Widths: min(channel_base / r, channel_max) feature maps at r pixels. The study's truncation is psi 0.7 with
    cutoff 8.
    """

    kind = "stylegan"
    discriminator = "stylegan-discriminator"

    def __init__(self, **options: Any) -> None:
        config = StyleGANConfig(**options)
        super().__init__(
            z_dim=config.z_dim,
            c_dim=0,
            w_dim=config.w_dim,
            img_resolution=config.img_resolution,
            img_channels=config.img_channels,
        )
        self.synthesis = SynthesisNetwork(
            config.w_dim,
            config.img_resolution,
            config.img_channels,
            channel_base=config.channel_base,
            channel_max=config.channel_max,
        )
        self.mapping = MappingNetwork(
            config.z_dim,
            config.w_dim,
            num_layers=config.num_mapping_layers,
            lr_multiplier=config.mapping_lr_multiplier,
        )

    def set_stage(self, resolution: int, alpha: float = 1.0) -> None:
        """Use the blocks up to `resolution`, the last one faded in by `alpha`; see `Growing`."""
        self.synthesis.set_stage(resolution, alpha)

    @property
    def num_ws(self) -> int:
        """2 log2(R) - 2."""
        return 2 * len(self.synthesis.resolutions)

    @property
    def w_avg(self) -> Tensor:  # type: ignore[override]
        """Mean of W, [w_dim]; float32, any value."""
        return self.mapping.w_avg

    @property
    def style_sizes(self) -> dict[str, int]:
        """Twice the channels of each layer (scale and shift), by name (`b4.layer0`, ...)."""
        return {name: 2 * layer.out_channels for name, layer in self.synthesis.layers()}

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        """Two square maps a block: 4, 4, 8, 8, 16, 16, ... pixels a side."""
        return [(layer.resolution, layer.resolution) for _, layer in self.synthesis.layers()]

    def noise_by_mode(self, like: Tensor, mode: str) -> list[Tensor | None]:
        """The maps in the file, fresh ones, or none; float32 [n or 1, 1, h, w] each, normal."""
        return [layer.noise_map(like, mode) for _, layer in self.synthesis.layers()]

    def broadcast_w(self, z: Tensor, c: Tensor | None) -> Tensor:
        """ws [n, num_ws, w_dim], every layer alike; float32, any value."""
        w: Tensor = self.mapping(z)
        return w[:, None].expand(-1, self.num_ws, -1)

    def mix(self, ws: Tensor, other: Tensor, crossover: int) -> Tensor:
        """Style mixing: layers before `crossover` from `ws`, the others from `other`, both [n, num_ws, w_dim].

        All float32, any value.
        """
        if not 0 <= crossover <= self.num_ws:
            raise ValueError(f"crossover is a layer from 0 to {self.num_ws}, not {crossover}")
        return torch.cat([ws[:, :crossover], other[:, crossover:]], dim=1)

    def layer_styles(self, ws: Tensor) -> list[Tensor]:
        """[n, 2c] of every layer: s0 (scale less 1), then s1 (shift); float32, any value."""
        return [layer.affine(ws[:, i]) for i, (_, layer) in enumerate(self.synthesis.layers())]

    def run_synthesis(
        self, styles: Sequence[Tensor], noise: Noise, noise_strength: float | Sequence[float]
    ) -> Tensor:
        """Image of one style vector a layer; float32 [n, img_channels, H, W], nominally in [-1, 1]."""
        image: Tensor = self.synthesis(styles, self.noise_maps(styles[0], noise, noise_strength))
        return image
