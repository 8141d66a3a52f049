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
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.architectures.layers.convolution import needs_gradient
from forensics.generators.architectures.layers.mapping import MappingNetwork
from forensics.generators.architectures.layers.stylegan2 import (
    Scaled,
    StyleGAN2Config,
    SynthesisBlock,
    SynthesisLayer,
    ToRGBLayer,
)
from forensics.generators.base import Generator, Noise


def channels_at(resolution: int, channel_base: int, channel_max: int) -> int:
    """Feature maps of the block that works at `resolution`."""
    return min(channel_base // resolution, channel_max)


@dataclass(frozen=True)
class BlockStep:
    """A block, and where its styles and its noise maps stand in the lists of all layers."""

    block: SynthesisBlock
    styles: slice
    noise: slice


class SynthesisNetwork(nn.Module):
    """Blocks b4, b8, ... of doubling resolution."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.resolutions = [2**i for i in range(2, int(math.log2(config.img_resolution)) + 1)]
        channels = 0
        for resolution in self.resolutions:
            out_channels = channels_at(resolution, config.channel_base, config.channel_max)
            block = SynthesisBlock(channels, out_channels, resolution, config)
            setattr(self, f"b{resolution}", block)
            channels = out_channels

    def blocks(self) -> Iterator[tuple[str, SynthesisBlock]]:
        """(name, block) from low to high resolution."""
        for resolution in self.resolutions:
            yield f"b{resolution}", getattr(self, f"b{resolution}")

    def schedule(self) -> list[BlockStep]:
        """The blocks in order with their share of the lists of styles and of noise maps."""
        steps, s, k = [], 0, 0
        for _, block in self.blocks():
            n_layers = sum(1 for _ in block.layers())
            n_convs = n_layers - int(block.has_torgb)
            steps.append(BlockStep(block, slice(s, s + n_layers), slice(k, k + n_convs)))
            s, k = s + n_layers, k + n_convs
        return steps

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


def _features(
    steps: Sequence[BlockStep],
    x: Tensor | Scaled | None,
    img: Tensor | None,
    styles: Sequence[Tensor],
    maps: Sequence[Tensor | None],
) -> tuple[Tensor | Scaled | None, Tensor | None]:
    for step in steps:
        x, img = step.block(x, img, list(styles[step.styles]), list(maps[step.noise]))
    return x, img


def _run(
    steps: Sequence[BlockStep],
    x: Tensor | None,
    img: Tensor | None,
    styles: Sequence[Tensor],
    maps: Sequence[Tensor | None],
) -> Tensor:
    _, img = _features(steps, x, img, styles, maps)
    assert img is not None
    return img


def _whole(x: Tensor | Scaled | None) -> Tensor:
    """The maps themselves, where their scale is still to be applied."""
    assert x is not None
    return x.whole() if isinstance(x, Scaled) else x


@register(
    "architecture",
    "stylegan2",
    Card(
        "Generator of modulated convolutions, skip, resnet or orig, with or without labels.",
        paper="Karras et al. 2020, arXiv 1912.04958; 2006.06676",
    ),
)
class StyleGAN2Generator(Generator):
    """z [n, z_dim] to images [n, img_channels, R, R]; R is a power of two from 8 up.

    Widths: min(channel_base / r, channel_max) feature maps at r pixels. `architecture` is skip, resnet or orig;
    `conv_clamp` bounds every layer's output (256 where the network was trained in float16).
    """

    kind = "stylegan2"
    discriminator = "stylegan2-discriminator"

    def __init__(self, **options: Any) -> None:
        config = StyleGAN2Config(**options)
        if config.architecture not in ("skip", "resnet", "orig"):
            raise ValueError(f"generator architecture is skip, resnet or orig, not {config.architecture!r}")
        super().__init__(
            z_dim=config.z_dim,
            c_dim=config.c_dim,
            w_dim=config.w_dim,
            img_resolution=config.img_resolution,
            img_channels=config.img_channels,
        )
        self.synthesis = SynthesisNetwork(config)
        self.mapping = MappingNetwork(
            config.z_dim,
            config.c_dim,
            config.w_dim,
            num_layers=config.num_mapping_layers,
            lr_multiplier=config.mapping_lr_multiplier,
        )

    def lay_out(self) -> None:
        """Channels last, and upsampling kernels transposed: as the transposed convolution reads them."""
        super().lay_out()
        for layer in self.modules():
            if isinstance(layer, SynthesisLayer) and layer.up == 2:
                turned = layer.weight.data.transpose(0, 1).contiguous(memory_format=torch.channels_last)
                layer.weight.data = turned.transpose(0, 1)

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
        """Channels of each modulated layer, by name (`b4.conv1`, `b4.torgb`, `b8.conv0`, ...)."""
        return {name: layer.in_channels for name, layer, _ in self.synthesis.modulated_layers()}

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        """One square map a convolution: 4, 8, 8, 16, 16, ... pixels a side."""
        layers = (m for _, m, _ in self.synthesis.modulated_layers() if isinstance(m, SynthesisLayer))
        return [(m.resolution, m.resolution) for m in layers]

    def broadcast_w(self, z: Tensor, c: Tensor | None) -> Tensor:
        """ws [n, num_ws, w_dim], every layer alike; float32, any value."""
        w: Tensor = self.mapping(z, c)
        return w[:, None].expand(-1, self.num_ws, -1)

    def layer_styles(self, ws: Tensor) -> list[Tensor]:
        """Affine outputs of every modulated layer (ToRGB's before its weight gain).

        As float32 [n, channels] each, any value.
        """
        return [layer.affine(ws[:, i]) for _, layer, i in self.synthesis.modulated_layers()]

    def run_synthesis(
        self, styles: Sequence[Tensor], noise: Noise, noise_strength: float | Sequence[float]
    ) -> Tensor:
        """Image of one style vector a modulated layer; float32 [n, img_channels, H, W], nominally in [-1, 1]."""
        maps = self.noise_maps(styles[0], noise, noise_strength)
        steps = self.synthesis.schedule()
        n = len(styles[0])
        on_cpu = styles[0].device.type == "cpu"
        if n == 1 or not on_cpu or self.whole_maps or needs_gradient(*styles, *maps, *self.parameters()):
            return _run(steps, None, None, styles, maps)
        # Early blocks share their weights between all samples; late ones, whose maps outweigh the weights and
        # the processor's caches, run sample by sample.
        together = [step for step in steps if not step.block.large]
        x, img = _features(together, None, None, styles, maps)
        assert not isinstance(x, Scaled)  # that is for gradients
        images = []
        for k in range(n):
            own_maps = [m if m is None or len(m) == 1 else m[k : k + 1] for m in maps]
            own = _run(
                steps[len(together) :],
                None if x is None else x[k : k + 1],
                None if img is None else img[k : k + 1],
                [s[k : k + 1] for s in styles],
                own_maps,
            )
            images.append(own)
        return torch.cat(images)

    @property
    def feature_sizes(self) -> list[int]:
        """The blocks' sizes, up to half of the image's."""
        return self.synthesis.resolutions[:-1]

    def run_to(
        self, styles: Sequence[Tensor], noise: Noise, noise_strength: float | Sequence[float], at: int
    ) -> Tensor:
        """[n, c, at, at], of a skip generator [n, c + img_channels, at, at] with the image so far at the end.

        All float32, any value.
        """
        maps = self.noise_maps(styles[0], noise, noise_strength)
        steps = self.synthesis.schedule()[: self.feature_sizes.index(at) + 1]
        x, img = _features(steps, None, None, styles, maps)
        return _whole(x) if img is None else torch.cat([_whole(x), img], dim=1)

    def run_from(
        self,
        features: Tensor,
        styles: Sequence[Tensor],
        noise: Noise,
        noise_strength: float | Sequence[float],
        at: int,
    ) -> Tensor:
        """The image from features as `run_to` gives them; float32 [n, img_channels, H, W], nominally in [-1, 1]."""
        maps = self.noise_maps(styles[0], noise, noise_strength)
        steps = self.synthesis.schedule()[self.feature_sizes.index(at) + 1 :]
        is_skip = len(features[0]) > steps[0].block.in_channels
        c = steps[0].block.in_channels
        x, img = (features[:, :c], features[:, c:]) if is_skip else (features, None)
        return _run(steps, x, img, styles, maps)

    def noise_by_mode(self, like: Tensor, mode: str) -> list[Tensor | None]:
        """The maps in the file, fresh ones, or none; float32 [n or 1, 1, h, w] each, normal."""
        layers = [m for _, m, _ in self.synthesis.modulated_layers() if isinstance(m, SynthesisLayer)]
        return [layer.noise_map(like, mode) for layer in layers]
