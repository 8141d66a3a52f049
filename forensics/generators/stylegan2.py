"""StyleGAN2: generator (skip, resnet, orig) and discriminator (resnet, skip, orig), conditional or not.

Module names are those of NVIDIA's PyTorch checkpoints, so that a state dict loads as it is. Shapes: n images,
c channels, r pixels a side; ws [n, num_ws, w_dim]. The numbers equal the public code's to float32 rounding; the
path to them is shorter (see layers.py).

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (CVPR 2020); "Training Generative
Adversarial Networks with Limited Data" (NeurIPS 2020) for the conditional networks and the clamp.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.generators.base import Generator, Noise
from forensics.generators.layers import (
    LRELU_GAIN,
    LRELU_SLOPE,
    Conv2dLayer,
    FullyConnectedLayer,
    demodulation,
    fir_filter,
    modulated_conv2d,
    normalize_2nd_moment,
    upsample2d,
)


def channels_at(resolution: int, channel_base: int, channel_max: int) -> int:
    """Feature maps of the block that works at `resolution`."""
    return min(channel_base // resolution, channel_max)


class MappingNetwork(nn.Module):
    """z [n, z_dim] and label c [n, c_dim] to w [n, w_dim]; `w_avg` tracks the mean of w in training.

    With z_dim 0 (the conditional discriminator) only the label is mapped.
    """

    w_avg: Tensor

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        *,
        num_layers: int = 8,
        lr_multiplier: float = 0.01,
        track_w_avg: bool = True,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.num_layers = z_dim, c_dim, num_layers
        if c_dim > 0:
            self.embed = FullyConnectedLayer(c_dim, w_dim)
        features = z_dim + (w_dim if c_dim > 0 else 0)
        for i in range(num_layers):
            layer = FullyConnectedLayer(features, w_dim, activation="lrelu", lr_multiplier=lr_multiplier)
            setattr(self, f"fc{i}", layer)
            features = w_dim
        if track_w_avg:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor | None, c: Tensor | None = None) -> Tensor:
        """w, untruncated. Raises ValueError when a conditional network is given no label."""
        parts = [normalize_2nd_moment(z)] if z is not None and self.z_dim > 0 else []
        if self.c_dim > 0:
            if c is None:
                raise ValueError(f"this network is conditional: give labels c of shape [n, {self.c_dim}]")
            parts.append(normalize_2nd_moment(self.embed(c)))
        x = torch.cat(parts, dim=1)
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)
        return x


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution (x2 up where asked), noise, bias, leaky ReLU."""

    noise_const: Tensor
    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        w_dim: int,
        resolution: int,
        up: int,
        conv_clamp: float | None,
    ) -> None:
        super().__init__()
        self.in_channels, self.resolution, self.up, self.conv_clamp = in_channels, resolution, up, conv_clamp
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.register_buffer("resample_filter", fir_filter())

    def forward(self, x: Tensor, styles: Tensor, noise: Tensor | None, gain: float = 1.0) -> Tensor:
        """[n, in, r / up, r / up] to [n, out, r, r]; `noise` [n or 1, 1, r, r] is added before the bias."""
        scale = LRELU_GAIN * gain  # the leaky ReLU is homogeneous: its gain moves into what it is applied to
        y = modulated_conv2d(x, self.weight, styles, up_filter=self.resample_filter if self.up == 2 else None)
        shift = (self.bias * scale)[None, :, None, None]
        if noise is not None:
            shift = shift + noise * (self.noise_strength * scale)
        d = demodulation(self.weight, styles) * scale
        y = torch.addcmul(shift, y, d[:, :, None, None])
        y = F.leaky_relu(y, LRELU_SLOPE, inplace=True)
        return y if self.conv_clamp is None else y.clamp(-self.conv_clamp * gain, self.conv_clamp * gain)

    def noise_map(self, x: Tensor, noise: str) -> Tensor | None:
        """The noise of mode "const", "random" or "none" for the batch of `x`."""
        if noise == "none":
            return None
        if noise == "const":
            return self.noise_const[None, None]
        if noise != "random":
            raise ValueError(f"noise is const, random, none or a list of maps, not {noise!r}")
        return torch.randn(x.shape[0], 1, self.resolution, self.resolution, device=x.device, dtype=x.dtype)


class ToRGBLayer(nn.Module):
    """Modulated 1x1 convolution to the image channels: no demodulation, no activation."""

    def __init__(self, in_channels: int, out_channels: int, *, w_dim: int, conv_clamp: float | None) -> None:
        super().__init__()
        self.in_channels, self.conv_clamp = in_channels, conv_clamp
        self.weight_gain = 1.0 / math.sqrt(in_channels)
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        """[n, in, r, r] to [n, out, r, r]."""
        # Few outputs: each sample's own [out, in] matrix is smaller than a scaled copy of x.
        kernels = self.weight[:, :, 0, 0] * (styles * self.weight_gain)[:, None, :]
        n, c, h, w = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(n, h * w, c)
        y = torch.baddbmm(self.bias[None, None, :], pixels, kernels.transpose(1, 2))
        y = y.reshape(n, h, w, -1).permute(0, 3, 1, 2)
        return y if self.conv_clamp is None else y.clamp(-self.conv_clamp, self.conv_clamp)


class SynthesisBlock(nn.Module):
    """The layers of one resolution. `layers()` names its modulated layers in the order they run."""

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        w_dim: int,
        resolution: int,
        img_channels: int,
        is_last: bool,
        architecture: str,
        conv_clamp: float | None,
    ) -> None:
        super().__init__()
        self.in_channels, self.architecture = in_channels, architecture
        self.register_buffer("resample_filter", fir_filter())
        options: dict[str, Any] = {"w_dim": w_dim, "resolution": resolution, "conv_clamp": conv_clamp}
        if in_channels == 0:
            self.const = nn.Parameter(torch.randn(out_channels, resolution, resolution))
        else:
            self.conv0 = SynthesisLayer(in_channels, out_channels, up=2, **options)
        self.conv1 = SynthesisLayer(out_channels, out_channels, up=1, **options)
        self.has_torgb = is_last or architecture == "skip"
        if self.has_torgb:
            self.torgb = ToRGBLayer(out_channels, img_channels, w_dim=w_dim, conv_clamp=conv_clamp)
        if in_channels != 0 and architecture == "resnet":
            self.skip = Conv2dLayer(in_channels, out_channels, 1, bias=False, up=2)

    def layers(self) -> Iterator[tuple[str, SynthesisLayer | ToRGBLayer]]:
        """(name, layer) of the modulated layers."""
        for name in ("conv0", "conv1", "torgb"):
            if hasattr(self, name):
                yield name, getattr(self, name)

    def forward(
        self, x: Tensor | None, img: Tensor | None, styles: list[Tensor], noise: list[Tensor | None]
    ) -> tuple[Tensor, Tensor | None]:
        """Features and image of the block before to those of this one; `styles` and `noise` as `layers()`."""
        if x is None:
            n = styles[0].shape[0]
            start = self.const[None].expand(n, -1, -1, -1).contiguous(memory_format=torch.channels_last)
            x = self.conv1(start, styles[0], noise[0])
        elif self.architecture == "resnet":
            y = self.skip(x, gain=math.sqrt(0.5))
            x = self.conv0(x, styles[0], noise[0])
            x = y + self.conv1(x, styles[1], noise[1], gain=math.sqrt(0.5))
        else:
            x = self.conv0(x, styles[0], noise[0])
            x = self.conv1(x, styles[1], noise[1])
        if img is not None:
            img = upsample2d(img, self.resample_filter)
        if self.has_torgb:
            y = self.torgb(x, styles[-1])
            img = y if img is None else img + y
        return x, img


class SynthesisNetwork(nn.Module):
    """Blocks b4, b8, ... of doubling resolution."""

    def __init__(
        self,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        *,
        channel_base: int,
        channel_max: int,
        architecture: str,
        conv_clamp: float | None,
    ) -> None:
        super().__init__()
        self.resolutions = [2**i for i in range(2, int(math.log2(img_resolution)) + 1)]
        channels = 0
        for resolution in self.resolutions:
            out_channels = channels_at(resolution, channel_base, channel_max)
            block = SynthesisBlock(
                channels,
                out_channels,
                w_dim=w_dim,
                resolution=resolution,
                img_channels=img_channels,
                is_last=resolution == img_resolution,
                architecture=architecture,
                conv_clamp=conv_clamp,
            )
            setattr(self, f"b{resolution}", block)
            channels = out_channels

    def blocks(self) -> Iterator[tuple[str, SynthesisBlock]]:
        """(name, block) from low to high resolution."""
        for resolution in self.resolutions:
            yield f"b{resolution}", getattr(self, f"b{resolution}")

    def modulated_layers(self) -> list[tuple[str, SynthesisLayer | ToRGBLayer, int]]:
        """(name, layer, index into ws) of every modulated layer in synthesis order.

        A block's ToRGB shares its w with the first convolution of the block after.
        """
        found: list[tuple[str, SynthesisLayer | ToRGBLayer, int]] = []
        first = 0
        for block_name, block in self.blocks():
            names = list(block.layers())
            found += [(f"{block_name}.{name}", layer, first + k) for k, (name, layer) in enumerate(names)]
            first += len(names) - (1 if block.has_torgb else 0)
        return found


class StyleGAN2Generator(Generator):
    """z [n, z_dim] to images [n, img_channels, R, R]; R is a power of two from 8 up.

    Widths: min(channel_base / r, channel_max) feature maps at r pixels. `architecture` is skip, resnet or orig;
    `conv_clamp` bounds every layer's output (256 where the network was trained in float16).
    """

    def __init__(
        self,
        *,
        z_dim: int = 512,
        c_dim: int = 0,
        w_dim: int = 512,
        img_resolution: int = 1024,
        img_channels: int = 3,
        channel_base: int = 32768,
        channel_max: int = 512,
        num_mapping_layers: int = 8,
        mapping_lr_multiplier: float = 0.01,
        architecture: str = "skip",
        conv_clamp: float | None = None,
    ) -> None:
        if architecture not in ("skip", "resnet", "orig"):
            raise ValueError(f"generator architecture is skip, resnet or orig, not {architecture!r}")
        super().__init__(
            z_dim=z_dim, c_dim=c_dim, w_dim=w_dim, img_resolution=img_resolution, img_channels=img_channels
        )
        self.synthesis = SynthesisNetwork(
            w_dim,
            img_resolution,
            img_channels,
            channel_base=channel_base,
            channel_max=channel_max,
            architecture=architecture,
            conv_clamp=conv_clamp,
        )
        self.mapping = MappingNetwork(
            z_dim, c_dim, w_dim, num_layers=num_mapping_layers, lr_multiplier=mapping_lr_multiplier
        )

    @property
    def num_ws(self) -> int:
        """2 log2(R) - 2."""
        return 2 * len(self.synthesis.resolutions)

    @property
    def w_avg(self) -> Tensor:  # type: ignore[override]
        """Mean of W, [w_dim]."""
        return self.mapping.w_avg

    @property
    def style_sizes(self) -> dict[str, int]:
        """Channels of each modulated layer, by name (`b4.conv1`, `b4.torgb`, `b8.conv0`, ...)."""
        return {name: layer.in_channels for name, layer, _ in self.synthesis.modulated_layers()}

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        """One square map a convolution: 4, 8, 8, 16, 16, ... pixels a side."""
        layers = (m for _, m, _ in self.synthesis.modulated_layers() if isinstance(m, SynthesisLayer))
        return [(m.resolution, m.resolution) for m in layers]

    def broadcast_w(self, z: Tensor, c: Tensor | None) -> Tensor:
        """ws [n, num_ws, w_dim], every layer alike."""
        w: Tensor = self.mapping(z, c)
        return w[:, None].expand(-1, self.num_ws, -1)

    def layer_styles(self, ws: Tensor) -> list[Tensor]:
        """Affine outputs of every modulated layer (ToRGB's before its weight gain)."""
        return [layer.affine(ws[:, i]) for _, layer, i in self.synthesis.modulated_layers()]

    def run_synthesis(
        self, styles: Sequence[Tensor], noise: Noise, noise_strength: float | Sequence[float]
    ) -> Tensor:
        """Image of one style vector a modulated layer."""
        maps = self._noise_maps(styles[0], noise, noise_strength)
        x: Tensor | None = None
        img: Tensor | None = None
        s, k = 0, 0
        for _, block in self.synthesis.blocks():
            n_layers = sum(1 for _ in block.layers())
            n_convs = n_layers - int(block.has_torgb)
            x, img = block(x, img, list(styles[s : s + n_layers]), maps[k : k + n_convs])
            s, k = s + n_layers, k + n_convs
        assert img is not None
        return img

    def _noise_maps(
        self, like: Tensor, noise: Noise, noise_strength: float | Sequence[float]
    ) -> list[Tensor | None]:
        layers = [m for _, m, _ in self.synthesis.modulated_layers() if isinstance(m, SynthesisLayer)]
        if isinstance(noise, str):
            maps = [layer.noise_map(like, noise) for layer in layers]
        elif len(noise) == len(layers):
            maps = list(noise)
        else:
            raise ValueError(f"this generator takes {len(layers)} noise maps, got {len(noise)}")
        if isinstance(noise_strength, (int, float)):
            if noise_strength == 1:
                return maps
            noise_strength = [float(noise_strength)] * len(layers)
        return [None if m is None else m * k for m, k in zip(maps, noise_strength, strict=True)]
