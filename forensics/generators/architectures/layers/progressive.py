"""What the two progressively grown architectures (ProGAN, StyleGAN) share: layers, resampling, fading.

Their level of detail `lod` is a buffer: 0 is full resolution, k means images of R / 2^k pixels, a fraction is a
cross-fade with the next smaller size. alpha of the papers is 1 - the fraction.

Sources: Karras et al., "Progressive Growing of GANs" (ICLR 2018); Karras et al., "A Style-Based Generator
Architecture for Generative Adversarial Networks" (CVPR 2019).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.generators.architectures.layers.banded import is_traced

HE_GAIN = math.sqrt(2.0)


class ScaledLinear(nn.Module):
    """Linear layer whose stored `weight` [out, in] ~ N(0, 1) / lr_multiplier is used times
    gain lr_multiplier / sqrt(in), and its bias times lr_multiplier."""

    def __init__(
        self, in_features: int, out_features: int, *, gain: float = HE_GAIN, lr_multiplier: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.weight_gain, self.bias_gain = gain * lr_multiplier / math.sqrt(in_features), lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """[n, in] to [n, out]; float32, any value."""
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


class ScaledConv(nn.Module):
    """Convolution of size-keeping padding whose stored `weight` [out, in, k, k] ~ N(0, 1) is used times
    gain / sqrt(in k^2). With `resample` "up" the nearest-neighbour doubled input is convolved, with "down" the
    result is averaged over 2x2 pixels."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        gain: float = HE_GAIN,
        bias: bool = True,
        resample: str | None = None,
    ) -> None:
        super().__init__()
        self.resample = resample
        self.weight_gain = gain / math.sqrt(in_channels * kernel_size**2)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """[n, in, r, r] to [n, out, r', r']; float32, any value."""
        weight = self.weight * self.weight_gain
        if self.resample is None:
            return F.conv2d(x, weight, self.bias, padding=weight.shape[2] // 2)
        # Doubling pixels (or averaging them) and a 3x3 kernel are together one 4x4 kernel at stride 2, which costs
        # 16 products a small pixel instead of 36.
        wide = F.pad(weight, (1, 1, 1, 1))
        wide = wide[:, :, 1:, 1:] + wide[:, :, :-1, 1:] + wide[:, :, 1:, :-1] + wide[:, :, :-1, :-1]
        if self.resample == "down":
            return F.conv2d(x, wide / 4, self.bias, stride=2, padding=1)
        return F.conv_transpose2d(x, wide.flip((2, 3)).transpose(0, 1), self.bias, stride=2, padding=1)


class Blur(nn.Module):
    """The [1, 2, 1] / 4 low-pass filter along both axes, zeros outside."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer("kernel", torch.outer(taps, taps), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[n, c, h, w] to the same; float32, any value."""
        return F.conv2d(x, self.kernel.expand(x.shape[1], 1, 3, 3), padding=1, groups=x.shape[1])


def pixel_norm(x: Tensor, eps: float = 1e-8) -> Tensor:
    """Each pixel's feature vector (dim 1) scaled to unit mean square; float32 [n, c, h, w], any value."""
    return x * (x.square().mean(dim=1, keepdim=True) + eps).rsqrt()


def enlarge(x: Tensor, factor: int) -> Tensor:
    """Nearest-neighbour enlargement of [n, c, h, w] by a whole `factor`; float32, any value."""
    return x if factor == 1 else x.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)


def shrink(x: Tensor, factor: int) -> Tensor:
    """Averages of `factor` x `factor` pixels of [n, c, h, w]; float32, any value."""
    return x if factor == 1 else F.avg_pool2d(x, factor)


class Growing(nn.Module):
    """A network with a block for each of `resolutions` (4, 8, ... img_resolution) and its level of detail, `lod`."""

    lod: Tensor

    def __init__(self, img_resolution: int) -> None:
        super().__init__()
        if img_resolution < 4 or img_resolution & (img_resolution - 1):
            raise ValueError(f"img_resolution is a power of two from 4 up, not {img_resolution}")
        self.resolutions = [2**i for i in range(2, img_resolution.bit_length())]
        self.register_buffer("lod", torch.zeros([]))
        self._lod_last_used = 0.0

    def set_stage(self, resolution: int, alpha: float = 1.0) -> None:
        """Use the blocks up to `resolution`, the last one faded in by `alpha` in [0, 1].

        Raises ValueError for a resolution the network has no block for, an alpha out of range, or a fade of the
        first resolution, which has nothing to fade from.
        """
        if resolution not in self.resolutions:
            raise ValueError(
                f"this network grows from 4 to {self.resolutions[-1]} pixels by doubling; not {resolution}"
            )
        if not 0 <= alpha <= 1 or (resolution == 4 and alpha != 1):
            raise ValueError(f"alpha is in [0, 1], and 1 at 4 pixels; not {alpha} at {resolution}")
        self.lod.fill_(math.log2(self.resolutions[-1] / resolution) + 1 - alpha)

    def stage(self) -> tuple[int, float]:
        """Index into `resolutions` of the largest block in use, and the share of the one below in its image.

        An export records the stage of the run before it: the graph depends on the value.
        """
        if not is_traced():
            self._lod_last_used = min(max(float(self.lod), 0.0), len(self.resolutions) - 1.0)
        whole = math.floor(self._lod_last_used)
        return len(self.resolutions) - 1 - whole, self._lod_last_used - whole
