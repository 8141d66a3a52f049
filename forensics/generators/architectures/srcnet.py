"""SrcNet: the small style-based generator of the published weight, pruning and latent studies.

Module names are those of its `checkpoint.pt`. Beside the trained network (parameters) the generator carries its
running average `Src_Net` (buffers), which makes the images. Its latent after the mapping, v in the study, is w here.
Shapes: n images, c channels, r pixels a side. Images come out normalised by the mean and deviation below.

Sources: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (CVPR 2020), section 2.2, for the
modulation; the study's description for everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from forensics.backbones.inputs import IMAGENET_MEAN, IMAGENET_STD
from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.architectures.layers.equalised import normalize_2nd_moment
from forensics.generators.architectures.layers.srcnet import (
    EqualisedLinear,
    ModulatedConv,
    SynthesisBlock,
    activate,
    widths,
)
from forensics.generators.base import Generator, Noise
from forensics.generators.pixels import as_bytes


class SrcNet(Generator):
    """One copy of the network: mapping, constant, blocks "0", "1" ... and the mean of W."""

    kind = "srcnet"
    discriminator = "srcnet-discriminator"

    dlatent_avg: Tensor

    def __init__(
        self,
        *,
        z_dim: int = 512,
        img_resolution: int = 128,
        img_channels: int = 3,
        num_mapping_layers: int = 8,
        num_blocks: int = 5,
        channel_max: int = 128,
        channel_min: int = 64,
    ) -> None:
        super().__init__(
            z_dim=z_dim, c_dim=0, w_dim=z_dim, img_resolution=img_resolution, img_channels=img_channels
        )
        if 4 * 2**num_blocks < img_resolution:
            raise ValueError(f"{num_blocks} blocks make {4 * 2**num_blocks} pixels, not {img_resolution}")
        self.num_blocks = num_blocks
        self.const = nn.Parameter(torch.randn(channel_max, 4, 4))
        self.register_buffer("dlatent_avg", torch.zeros(z_dim))
        self.mapping = nn.ModuleList(EqualisedLinear(z_dim, z_dim) for _ in range(num_mapping_layers))
        maps = widths(channel_max, channel_min, num_blocks)
        for i in range(num_blocks):
            self.add_module(str(i), SynthesisBlock(z_dim, maps[i], maps[i + 1], img_channels))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.const.device

    def blocks(self) -> Iterator[tuple[str, SynthesisBlock]]:
        """(name, block) from low to high resolution."""
        for i in range(self.num_blocks):
            block = self.get_submodule(str(i))
            assert isinstance(block, SynthesisBlock)
            yield str(i), block

    def modulated_layers(self) -> list[tuple[str, ModulatedConv]]:
        """(name, layer) of every modulated layer; each takes its own w of W+."""
        return [(f"{i}.{name}", layer) for i, block in self.blocks() for name, layer in block.layers()]

    @property
    def num_ws(self) -> int:
        """Three a block: upconv, conv, to_channels."""
        return 3 * self.num_blocks

    @property
    def w_avg(self) -> Tensor:  # type: ignore[override]
        """Mean of W, [w_dim]; float32, any value."""
        return self.dlatent_avg

    @property
    def style_sizes(self) -> dict[str, int]:
        """Channels of each modulated layer, by name (`0.upconv`, `0.conv`, `0.to_channels`, ...)."""
        return {name: layer.in_channels for name, layer in self.modulated_layers()}

    def broadcast_w(self, z: Tensor, c: Tensor | None) -> Tensor:
        """ws [n, num_ws, w_dim], every layer alike; float32, any value."""
        w = normalize_2nd_moment(z)
        for layer in self.mapping:
            w = activate(layer(w))
        return w[:, None].expand(-1, self.num_ws, -1)

    def layer_styles(self, ws: Tensor) -> list[Tensor]:
        """Scales of the input channels of every modulated layer: the linear image of w, plus 1.

        As float32 [n, channels] each, any value.
        """
        return [layer.style(ws[:, i]) + 1 for i, (_, layer) in enumerate(self.modulated_layers())]

    def run_synthesis(
        self, styles: Sequence[Tensor], noise: Noise, noise_strength: float | Sequence[float]
    ) -> Tensor:
        """Normalised image [n, img_channels, R, R]; what the blocks make beyond R is cropped evenly.

        All float32, any value.
        """
        maps = self.noise_maps(styles[0], noise, noise_strength)
        x = self.const[None].expand(styles[0].shape[0], -1, -1, -1)
        image: Tensor | None = None
        for i, (_, block) in enumerate(self.blocks()):
            x, image = block(x, image, styles[3 * i : 3 * i + 3], maps[2 * i : 2 * i + 2])
        assert image is not None
        start = (image.shape[2] - self.img_resolution) // 2
        return image[:, :, start : start + self.img_resolution, start : start + self.img_resolution]

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        """Two square maps a block: 8, 8, 16, 16, ... pixels a side."""
        return [(r, r) for r in (4 * 2 ** (i // 2 + 1) for i in range(2 * self.num_blocks))]

    def noise_by_mode(self, like: Tensor, mode: str) -> list[Tensor | None]:
        """Maps from fixed seeds (the files hold none), fresh ones, or none.

        As float32 [n or 1, 1, h, w] each, normal.
        """
        shapes = self.noise_shapes
        if mode == "none":
            return [None] * len(shapes)
        if mode == "random":
            return [torch.randn(len(like), 1, *size, device=like.device, dtype=like.dtype) for size in shapes]
        if mode != "const":
            raise ValueError(f"noise is const, random, none or a list of maps, not {mode!r}")
        return [fixed_noise(i, r).to(like) for i, (r, _) in enumerate(shapes)]

    def to_uint8(self, x: Tensor) -> np.ndarray:
        """Normalised images [n, 3, H, W] to uint8 [n, H, W, 3]: times the deviation, plus the mean, rounded.

        All float32, any value.
        """
        scale = torch.tensor(IMAGENET_STD, device=x.device)[:, None, None]
        shift = torch.tensor(IMAGENET_MEAN, device=x.device)[:, None, None]
        return as_bytes(x, scale * 255, shift * 255 + 0.5, self.source or self.kind)


def fixed_noise(layer: int, size: int) -> Tensor:
    """The "const" noise [1, 1, size, size] of a layer: the files hold none, so it is drawn once and for all from
    numpy's generator seeded with the layer's number."""
    draw = np.random.Generator(np.random.PCG64(layer)).standard_normal((1, 1, size, size), dtype=np.float32)
    return torch.from_numpy(draw)


def as_buffers(network: nn.Module) -> None:
    """Turn every parameter of `network` into a buffer: kept and saved, never trained."""
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, parameter.detach().clone())


@register(
    "architecture",
    "srcnet",
    Card(
        "Generator of the weight study with its running average inside: 3,680,500 weights at 128 px.",
    ),
)
class SrcNetGenerator(SrcNet):
    """The trained network (parameters) and its running average `Src_Net` (buffers).

    Latents, styles and images come from the average, and `w_avg` is its `dlatent_avg`; set `use_average` to False
    to use the trained network itself, as training does.
    """

    @classmethod
    def trained_class(cls) -> type[Generator]:
        """The network without its average, which training keeps beside it."""
        return SrcNet

    @staticmethod
    def saved_states(trained: nn.Module, averaged: nn.Module) -> dict[str, Mapping[str, Tensor]]:
        """Both copies in one network, the average under `Src_Net`, as the format has it."""
        average = {f"Src_Net.{name}": value for name, value in averaged.state_dict().items()}
        return {"G": {**trained.state_dict(), **average}}

    def __init__(
        self,
        *,
        z_dim: int = 512,
        img_resolution: int = 128,
        img_channels: int = 3,
        num_mapping_layers: int = 8,
        num_blocks: int = 5,
        channel_max: int = 128,
        channel_min: int = 64,
    ) -> None:
        options = {
            "z_dim": z_dim,
            "img_resolution": img_resolution,
            "img_channels": img_channels,
            "num_mapping_layers": num_mapping_layers,
            "num_blocks": num_blocks,
            "channel_max": channel_max,
            "channel_min": channel_min,
        }
        super().__init__(**options)
        self.use_average = True
        state = self.state_dict()
        self.Src_Net = SrcNet(**options)
        self.Src_Net.load_state_dict(state)
        as_buffers(self.Src_Net)

    @torch.no_grad()
    def update_average(self, decay: float = 0.995) -> None:
        """Move the average towards the trained network: average = decay average + (1 - decay) trained."""
        trained = self.state_dict()
        for name, average in self.Src_Net.named_buffers():
            average.lerp_(trained[name], 1 - decay)

    @property
    def w_avg(self) -> Tensor:  # type: ignore[override]
        """Mean of W, [w_dim]; float32, any value."""
        return self.Src_Net.dlatent_avg if self.use_average else self.dlatent_avg

    def broadcast_w(self, z: Tensor, c: Tensor | None) -> Tensor:
        """ws [n, num_ws, w_dim], every layer alike; float32, any value."""
        return self.Src_Net.broadcast_w(z, c) if self.use_average else super().broadcast_w(z, c)

    def layer_styles(self, ws: Tensor) -> list[Tensor]:
        """Scales of the input channels of every modulated layer; float32 [n, channels] each, any value."""
        return self.Src_Net.layer_styles(ws) if self.use_average else super().layer_styles(ws)

    def run_synthesis(
        self, styles: Sequence[Tensor], noise: Noise, noise_strength: float | Sequence[float]
    ) -> Tensor:
        """Normalised image [n, img_channels, R, R]; float32, any value."""
        if self.use_average:
            return self.Src_Net.run_synthesis(styles, noise, noise_strength)
        return super().run_synthesis(styles, noise, noise_strength)
