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
from forensics.generators.architectures.layers.stylegan3_filters import LayerPlan, plan_bands, plan_layers
from forensics.generators.base import Generator, Noise


class SynthesisNetwork(nn.Module):
    """The Fourier input and the layers L0 ... that follow it."""

    def __init__(
        self, w_dim: int, plans: Sequence[LayerPlan], *, bandwidth: float, output_scale: float, **options: Any
    ) -> None:
        super().__init__()
        self.output_scale = output_scale
        first = plans[0]
        self.input = SynthesisInput(
            w_dim, first.in_channels, first.in_size, rate=first.in_rate, bandwidth=bandwidth
        )
        self.layer_names = [plan.name for plan in plans]
        for plan in plans:
            setattr(self, plan.name, SynthesisLayer(plan, w_dim=w_dim, **options))

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

    def __init__(
        self,
        *,
        z_dim: int = 512,
        c_dim: int = 0,
        w_dim: int = 512,
        img_resolution: int = 1024,
        img_channels: int = 3,
        num_mapping_layers: int = 2,
        mapping_lr_multiplier: float = 0.01,
        channel_base: int = 32768,
        channel_max: int = 512,
        num_layers: int = 14,
        num_critical: int = 2,
        first_cutoff: float = 2.0,
        first_stopband: float = 2**2.1,
        last_stopband_rel: float = 2**0.3,
        margin_size: int = 10,
        output_scale: float = 0.25,
        conv_kernel: int = 3,
        filter_size: int = 6,
        lrelu_upsampling: int = 2,
        use_radial_filters: bool = False,
        conv_clamp: float | None = 256.0,
        magnitude_ema_beta: float = 0.999,
    ) -> None:
        super().__init__(
            z_dim=z_dim, c_dim=c_dim, w_dim=w_dim, img_resolution=img_resolution, img_channels=img_channels
        )
        bands = plan_bands(
            img_resolution,
            img_channels,
            channel_base=channel_base,
            channel_max=channel_max,
            num_layers=num_layers,
            num_critical=num_critical,
            cutoff_and_stopband=(first_cutoff, first_stopband),
            last_stopband_rel=last_stopband_rel,
            margin_size=margin_size,
        )
        self.synthesis = SynthesisNetwork(
            w_dim,
            plan_layers(bands, num_critical),
            bandwidth=float(bands.cutoffs[0]),
            output_scale=output_scale,
            conv_kernel=conv_kernel,
            filter_size=filter_size,
            lrelu_upsampling=lrelu_upsampling,
            use_radial_filters=use_radial_filters,
            conv_clamp=conv_clamp,
            magnitude_ema_beta=magnitude_ema_beta,
        )
        self.mapping = MappingNetwork(
            z_dim, c_dim, w_dim, num_layers=num_mapping_layers, lr_multiplier=mapping_lr_multiplier
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
