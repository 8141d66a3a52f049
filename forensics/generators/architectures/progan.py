"""ProGAN: the progressively grown generator with pixel norm, whose latent enters at the first layer only.

There is no mapping network: W is Z normalised to unit mean square, ws is [n, 1, z_dim], `w_avg` is zero, and psi
shortens the latent. S is that same vector. There is no noise input. Shapes: n images, c channels, r pixels a side.

Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation" (ICLR 2018),
table 2, section 3 and appendix A.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.architectures.layers.equalised import LRELU_SLOPE
from forensics.generators.architectures.layers.progressive import (
    HE_GAIN,
    Growing,
    ScaledConv,
    ScaledLinear,
    enlarge,
    pixel_norm,
)
from forensics.generators.architectures.stylegan2 import channels_at
from forensics.generators.base import Generator, Noise


class SynthesisBlock(nn.Module):
    """Two 3x3 convolutions, each with leaky ReLU and pixel norm; the first doubles the size, or starts from z."""

    def __init__(self, in_channels: int, out_channels: int, img_channels: int, *, z_dim: int) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.is_first = in_channels == 0
        if self.is_first:
            # The gain is a quarter of He's: the paper's code treats this layer's 4 x 4 outputs as one kernel.
            self.dense = ScaledLinear(z_dim, out_channels * 16, gain=HE_GAIN / 4)
        else:
            self.conv0 = ScaledConv(in_channels, out_channels, 3, resample="up")
        self.conv1 = ScaledConv(out_channels, out_channels, 3)
        self.torgb = ScaledConv(out_channels, img_channels, 1, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """[n, z_dim], or [n, in, r / 2, r / 2], to [n, out, r, r]; float32, any value."""
        y = self.dense(x).view(-1, self.out_channels, 4, 4) if self.is_first else self.conv0(x)
        y = pixel_norm(F.leaky_relu(y, LRELU_SLOPE))
        return pixel_norm(F.leaky_relu(self.conv1(y), LRELU_SLOPE))


class SynthesisNetwork(Growing):
    """Blocks b4, b8, ... and the level of detail at which they are used."""

    def __init__(
        self, z_dim: int, img_resolution: int, img_channels: int, *, channel_base: int, channel_max: int
    ) -> None:
        super().__init__(img_resolution)
        channels = 0
        for r in self.resolutions:
            out_channels = channels_at(r, channel_base, channel_max)
            setattr(self, f"b{r}", SynthesisBlock(channels, out_channels, img_channels, z_dim=z_dim))
            channels = out_channels

    def forward(self, w: Tensor) -> Tensor:
        """Normalised latents [n, z_dim] to images of the full size; below it, enlarged pixels; float32, any value."""
        top, fade = self.stage()
        x, below = w, w
        for r in self.resolutions[: top + 1]:
            below, x = x, getattr(self, f"b{r}")(x)
        img: Tensor = getattr(self, f"b{self.resolutions[top]}").torgb(x)
        if fade > 0:
            old = getattr(self, f"b{self.resolutions[top - 1]}").torgb(below)
            img = img.lerp(enlarge(old, 2), fade)
        return enlarge(img, self.resolutions[-1] // self.resolutions[top])


@register(
    "architecture",
    "progan",
    Card(
        "Progressively grown generator with pixel norm; the latent enters once.",
        paper="Karras et al. 2018, arXiv 1710.10196",
    ),
)
class ProGANGenerator(Generator):
    """z [n, z_dim] to images [n, img_channels, R, R], R a power of two from 4 up.

    Widths: min(channel_base / r, channel_max) feature maps at r pixels.
    """

    kind = "progan"
    discriminator = "progan-discriminator"
    tracks_w_avg = False

    w_avg: Tensor

    def __init__(
        self,
        *,
        z_dim: int = 512,
        img_resolution: int = 1024,
        img_channels: int = 3,
        channel_base: int = 16384,
        channel_max: int = 512,
    ) -> None:
        super().__init__(
            z_dim=z_dim, c_dim=0, w_dim=z_dim, img_resolution=img_resolution, img_channels=img_channels
        )
        self.synthesis = SynthesisNetwork(
            z_dim, img_resolution, img_channels, channel_base=channel_base, channel_max=channel_max
        )
        self.register_buffer("w_avg", torch.zeros(z_dim), persistent=False)

    def set_stage(self, resolution: int, alpha: float = 1.0) -> None:
        """Use the blocks up to `resolution`, the last one faded in by `alpha`; see `Growing`."""
        self.synthesis.set_stage(resolution, alpha)

    @property
    def num_ws(self) -> int:
        """1: the latent enters once."""
        return 1

    @property
    def style_sizes(self) -> dict[str, int]:
        """The latent itself, under the name of the layer it enters."""
        return {"b4.dense": self.z_dim}

    def broadcast_w(self, z: Tensor, c: Tensor | None) -> Tensor:
        """[n, 1, z_dim]: z at unit mean square; float32, any value."""
        return pixel_norm(z)[:, None]

    def layer_styles(self, ws: Tensor) -> list[Tensor]:
        """The latent [n, z_dim], alone; float32, any value."""
        return [ws[:, 0]]

    def run_synthesis(
        self, styles: Sequence[Tensor], noise: Noise, noise_strength: float | Sequence[float]
    ) -> Tensor:
        """Image of the latent. There is no noise: every mode gives the same, a list of maps must be empty.

        As float32 [n, img_channels, H, W], nominally in [-1, 1].
        """
        if not isinstance(noise, str) and len(noise) > 0:
            raise ValueError(f"this generator takes no noise maps, got {len(noise)}")
        image: Tensor = self.synthesis(styles[0])
        return image
