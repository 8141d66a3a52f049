"""A level of MobileStyleGAN without gradient, strip by strip: what one strip needs stays in a core's cache.

The maps of one image at 512 px are 64 MB, and every pass over them costs as much as the arithmetic. Here a strip of
rows goes through the wavelet step and both convolutions, with the two rows above and below it that the kernels reach,
before the next one is begun. Styles scale the depthwise kernels instead of the maps; the pointwise convolution is a
matrix product. The numbers are those of the modules, to float32 rounding.

Shapes: maps float32 [h, w, c], channels last, of one image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.generators.architectures.layers.equalised import LRELU_SLOPE
from forensics.generators.architectures.layers.mobile_stylegan import ImageHead, Level, NoisyConv
from forensics.generators.architectures.layers.wavelet import inverse_haar_into

# Maps below this size are cheap, and a batch of them shares the weights: not worth a strip.
SMALLEST_PX = 64
# float32 values of the widest maps of a strip: 2 MB, what a core of a server has for a second-level cache.
_STRIP_VALUES = 1 << 19
_HALO = 2  # rows that two 3 x 3 kernels reach beyond a strip


def possible(x: Tensor) -> bool:
    """Whether maps `x` [n, c, h, w] can be worked on so: float32 on the CPU, and no graph being recorded.

    All float32, any value.
    """
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
    )


@torch.no_grad()
def level(module: Level, x: Tensor, styles: list[Tensor], noise: list[Tensor | None]) -> Tensor:
    """What `module` makes of maps [n, i, r / 2, r / 2]: [n, o, r, r], channels last; float32, any value."""
    r, channels = module.conv1.resolution, len(module.conv1.weight)
    out = x.new_empty(len(x), r, r, channels)
    for k, source in enumerate(x.permute(0, 2, 3, 1).contiguous()):
        work = _LevelWork(module, [s[k] for s in styles], [_map(m, k) for m in noise])
        for rows, strip in work.strips(source, out[k]):
            assert strip.data_ptr() == out[k, rows].data_ptr()
    return out.permute(0, 3, 1, 2)


@torch.no_grad()
def level_and_image(
    module: Level, head: ImageHead, x: Tensor, styles: list[Tensor], noise: list[Tensor | None]
) -> Tensor:
    """The image [n, img_channels, R, R] of maps [n, i, r / 2, r / 2], through the last level and the head.

    R is 2 r, or r for a head that makes pixels. `styles`: the three of the level and that of the head. The level's
    maps exist a strip at a time; float32, any value.
    """
    r = module.conv1.resolution
    size = 2 * r if head.makes_bands else r
    image = x.new_empty(len(x), head.img_channels, size, size)
    for k, source in enumerate(x.permute(0, 2, 3, 1).contiguous()):
        work = _LevelWork(module, [s[k] for s in styles[:3]], [_map(m, k) for m in noise])
        weight = head.weight[:, :, 0, 0] * (styles[3][k] * head.weight_gain)
        for rows, strip in work.strips(source, None):
            values = torch.addmm(head.bias[:, None], weight, strip.flatten(0, 1).t())
            _paint(image[k], rows, values.view(-1, rows.stop - rows.start, r))
    return image


def _paint(image: Tensor, rows: slice, values: Tensor) -> None:
    """Put the pixels of these rows, or their four sub-bands, [c or 4 c, rows, r], into `image` [c, R, R]."""
    if len(values) == len(image):
        image[:, rows] = values
        return
    bands = (values * 0.5).view(4, len(image), *values.shape[1:], 1)
    for plane, quarter in zip(image, bands.unbind(1), strict=True):
        inverse_haar_into(plane[2 * rows.start : 2 * rows.stop, :, None], quarter)


def _map(noise: Tensor | None, k: int) -> Tensor | None:
    """The map of image `k`, [h, w], of maps [n or 1, 1, h, w]."""
    return None if noise is None else noise[k if len(noise) > 1 else 0, 0]


@dataclass(frozen=True)
class _Conv:
    """A separable convolution with one image's style in its kernels; `noise` is [h, w] with its strength."""

    depthwise: Tensor  # [i, 1, 3, 3]
    weight: Tensor  # [i, o]
    bias: Tensor
    noise: Tensor | None

    @classmethod
    def of(cls, layer: NoisyConv, style: Tensor, noise: Tensor | None) -> _Conv:
        depthwise = layer.depthwise * (style * layer.weight_gain)[:, None, None, None]
        strong = None if noise is None else noise * layer.noise_strength
        return cls(depthwise, layer.weight[:, :, 0, 0].t(), layer.bias, strong)

    def into(self, out: Tensor, x: Tensor, first_row: int) -> None:
        """Rows 1 to -1 of `x` [h, w, i] to `out` [h - 2, w, o], which begin at `first_row` of the map."""
        maps = x.permute(2, 0, 1)[None]
        y = F.conv2d(maps, self.depthwise, padding=(0, 1), groups=len(self.depthwise))
        pixels = y.permute(0, 2, 3, 1).reshape(-1, len(self.depthwise))
        torch.addmm(self.bias, pixels, self.weight, out=out.view(-1, self.weight.shape[1]))
        if self.noise is not None:
            start = max(first_row, 0)
            stop = min(first_row + len(out), len(self.noise))
            out[start - first_row : stop - first_row].add_(self.noise[start:stop, :, None])
        F.leaky_relu_(out, LRELU_SLOPE)


class _LevelWork:
    """One image's way through one level."""

    def __init__(self, module: Level, styles: list[Tensor], noise: list[Tensor | None]) -> None:
        self.r = module.conv1.resolution
        self.scale = styles[0] / 2  # the half of the wavelet transform
        self.convs = [
            _Conv.of(layer, style, one)
            for layer, style, one in zip((module.conv0, module.conv1), styles[1:], noise, strict=True)
        ]
        self.in_channels = module.conv0.in_channels
        self.channels = len(module.conv1.weight)
        self.height = max(2, min(self.r, _STRIP_VALUES // (self.r * self.channels)) // 2 * 2)

    def strips(self, source: Tensor, out: Tensor | None) -> Iterator[tuple[slice, Tensor]]:
        """(rows, their maps [rows, r, o]) from `source` [r / 2, r / 2, i]; written to `out` [r, r, o] where given.

        Without `out` the maps hold until the next strip.
        """
        reach = self.height + 2 * _HALO
        enlarged = source.new_empty(reach, self.r, self.in_channels)
        middle = source.new_empty(reach - _HALO, self.r, self.channels)
        last = source.new_empty(self.height, self.r, self.channels) if out is None else None
        for top in range(0, self.r, self.height):
            rows = slice(top, min(top + self.height, self.r))
            n = rows.stop - rows.start
            self._enlarge(enlarged[: n + 2 * _HALO], source, top - _HALO)
            self.convs[0].into(middle[: n + _HALO], enlarged[: n + 2 * _HALO], top - 1)
            self._clear_outside(middle[: n + _HALO], top - 1)
            strip = out[rows] if out is not None else last[:n]  # type: ignore[index]
            self.convs[1].into(strip, middle[: n + _HALO], top)
            yield rows, strip

    def _enlarge(self, out: Tensor, source: Tensor, first_row: int) -> None:
        """Rows of the wavelet step's map from `first_row` on, zeros outside of it."""
        start, stop = max(first_row, 0), min(first_row + len(out), self.r)
        scaled = source[start // 2 : stop // 2] * self.scale
        bands = scaled.view(*scaled.shape[:2], 4, -1).permute(2, 0, 1, 3)
        inverse_haar_into(out[start - first_row : stop - first_row], bands)
        self._clear_outside(out, first_row)

    def _clear_outside(self, rows: Tensor, first_row: int) -> None:
        rows[: max(-first_row, 0)].zero_()
        rows[max(self.r - first_row, 0) :].zero_()
