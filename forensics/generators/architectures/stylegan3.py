"""StyleGAN3: the alias-free generator, translation (T) and rotation (R) equivariant.

Module names are those of NVIDIA's PyTorch checkpoints, so that a state dict loads as it is. Shapes: n images,
c channels; ws [n, num_ws, w_dim], of which ws[:, 0] steers the Fourier features and ws[:, i + 1] layer i. There is no
noise input.

Source: Karras et al., "Alias-Free Generative Adversarial Networks" (NeurIPS 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.architectures.layers.mapping import MappingNetwork
from forensics.generators.architectures.layers.stylegan3 import SynthesisInput, SynthesisLayer
from forensics.generators.architectures.layers.stylegan3_filters import (
    Bands,
    StyleGAN3Config,
    plan_bands,
    plan_layers,
)
from forensics.generators.base import Generator, Noise


class SynthesisNetwork(nn.Module):
    """The Fourier input and the layers L0 ... that follow it."""

    def __init__(self, config: StyleGAN3Config, bands: Bands) -> None:
        super().__init__()
        self.output_scale = config.output_scale
        plans = plan_layers(bands, config.num_critical)
        first = plans[0]
        self.input = SynthesisInput(
            config.w_dim,
            first.in_channels,
            first.in_size,
            rate=first.in_rate,
            bandwidth=float(bands.cutoffs[0]),
        )
        self.layer_names = [plan.name for plan in plans]
        for plan in plans:
            setattr(self, plan.name, SynthesisLayer(plan, config))

    def layers(self) -> Iterator[tuple[str, SynthesisLayer]]:
        """(name, layer) in synthesis order, without the input."""
        for name in self.layer_names:
            yield name, getattr(self, name)

    def forward(self, styles: Sequence[Tensor]) -> Tensor:
        """Motion of the input [n, 4] and style of each layer to the image; float32, any value."""
        x = self.input(styles[0])
        for (_, layer), s in zip(self.layers(), styles[1:], strict=True):
            x = layer(x, s)
        image: Tensor = x * self.output_scale
        return image


@register(
    "architecture",
    "stylegan3",
    Card(
        "Alias-free generator, translation (T) or rotation (R) equivariant.",
        paper="Karras et al. 2021, arXiv 2106.12423",
    ),
)
class StyleGAN3Generator(Generator):
    """z [n, z_dim] to images [n, img_channels, R, R], R any even size.

    Configuration T: the defaults. Configuration R: conv_kernel 1, use_radial_filters True, and twice the
    channel_base and channel_max. Frequencies in cycles per image; `filter_size` taps per sample of the lower rate;
    `margin_size` pixels of the inner canvas beyond the image a side; `conv_clamp` bounds the inner activations.
    """

    kind = "stylegan3"
    discriminator = "stylegan2-discriminator"

    def __init__(self, **options: Any) -> None:
        config = StyleGAN3Config(**options)
        super().__init__(
            z_dim=config.z_dim,
            c_dim=config.c_dim,
            w_dim=config.w_dim,
            img_resolution=config.img_resolution,
            img_channels=config.img_channels,
        )
        bands = plan_bands(config)
        self.synthesis = SynthesisNetwork(config, bands)
        self.mapping = MappingNetwork(
            config.z_dim,
            config.c_dim,
            config.w_dim,
            num_layers=config.num_mapping_layers,
            lr_multiplier=config.mapping_lr_multiplier,
        )

    def lay_out(self) -> None:
        """Plain order: the filters read maps one by one, so that channels do not lie side by side."""
        self.to(memory_format=torch.contiguous_format)

    @property
    def num_ws(self) -> int:
        """One for the input and one a layer."""
        return 1 + len(self.synthesis.layer_names)

    @property
    def w_avg(self) -> Tensor:  # type: ignore[override]
        """Mean of W, [w_dim]; float32, any value."""
        return self.mapping.w_avg

    @property
    def style_sizes(self) -> dict[str, int]:
        """4 for the motion of the input, then the channels of each layer."""
        return {"input": 4} | {name: layer.in_channels for name, layer in self.synthesis.layers()}

    def broadcast_w(self, z: Tensor, c: Tensor | None) -> Tensor:
        """ws [n, num_ws, w_dim], every layer alike; float32, any value."""
        w: Tensor = self.mapping(z, c)
        return w[:, None].expand(-1, self.num_ws, -1)

    def layer_styles(self, ws: Tensor) -> list[Tensor]:
        """Affine outputs of the input (cos, sin, x, y before normalisation) and of every layer.

        As float32 [n, channels] each, any value.
        """
        affines = [self.synthesis.input.affine, *(layer.affine for _, layer in self.synthesis.layers())]
        return [affine(ws[:, i]) for i, affine in enumerate(affines)]

    def run_synthesis(
        self, styles: Sequence[Tensor], noise: Noise, noise_strength: float | Sequence[float]
    ) -> Tensor:
        """Image of the styles. There is no noise: every mode gives the same, a list of maps must be empty.

        As float32 [n, img_channels, H, W], nominally in [-1, 1].
        """
        if not isinstance(noise, str) and len(noise) > 0:
            raise ValueError(f"this generator takes no noise maps, got {len(noise)}")
        image: Tensor = self.synthesis(styles)
        return image

    def set_update_emas(self, on: bool) -> None:
        """Whether synthesis also updates the magnitude averages of the layers' inputs (in training only)."""
        for _, layer in self.synthesis.layers():
            layer.update_ema = on
