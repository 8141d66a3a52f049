"""The input and the layer of the alias-free generator: Fourier features, and a leaky ReLU between two filters.

Filters, frequencies and phases are buffers: a network read from a file uses the ones in the file, a fresh one
designs them. Shapes: n images, c channels, h pixels a side (maps are square).

Source: Karras et al., "Alias-Free Generative Adversarial Networks" (NeurIPS 2021).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.generators.architectures.layers.banded import (
    Terms,
    TermsOfFilter,
    apply_terms,
    depthwise,
    filter_between,
    resampling_matrix,
    separable,
    share_out,
    wants_dense,
)
from forensics.generators.architectures.layers.equalised import LRELU_GAIN, LRELU_SLOPE, FullyConnectedLayer
from forensics.generators.architectures.layers.modulation import demodulation
from forensics.generators.architectures.layers.stylegan3_filters import (
    LayerPlan,
    StyleGAN3Config,
    lowpass_filter,
)

# Pixels of upsampled maps worked on at once: 1 MB of float32, half of a core's second-level cache.
CHUNK_PIXELS = 1 << 18


class SynthesisInput(nn.Module):
    """Fourier features on a grid, translated and rotated as w says, then by the user's `transform`.

    `transform` [3, 3] is a buffer: set it to see the image through the inverse of that motion of the plane.
    """

    transform: Tensor
    freqs: Tensor
    phases: Tensor

    def __init__(self, w_dim: int, channels: int, size: int, *, rate: float, bandwidth: float) -> None:
        super().__init__()
        self.channels, self.size, self.rate, self.bandwidth = channels, size, rate, bandwidth
        directions = torch.randn(channels, 2)
        radii = directions.square().sum(dim=1, keepdim=True).sqrt()
        freqs = directions / (radii * radii.square().exp().pow(0.25)) * bandwidth  # uniform in a disc, nearly
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = FullyConnectedLayer(w_dim, 4)
        with torch.no_grad():
            self.affine.weight.zero_()
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", freqs)
        self.register_buffer("phases", torch.rand(channels) - 0.5)

    def _placed(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Frequencies [n, c, 2] and phases [n, c] after the motion (cos, sin, x, y) [n, 4] and the transform."""
        motion = motion / motion[:, :2].norm(dim=1, keepdim=True)
        cos, sin, x, y = motion.unbind(dim=1)
        zero, one = torch.zeros_like(cos), torch.ones_like(cos)
        rotation = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], dim=1).view(-1, 3, 3)
        shift = torch.stack([one, zero, -x, zero, one, -y, zero, zero, one], dim=1).view(-1, 3, 3)
        matrix = rotation @ shift @ self.transform
        freqs = self.freqs[None].expand(matrix.shape[0], -1, -1)
        phases = self.phases[None] + (freqs @ matrix[:, :2, 2:])[:, :, 0]
        return freqs @ matrix[:, :2, :2], phases

    def forward(self, motion: Tensor) -> Tensor:
        """Output of `affine` [n, 4] to features [n, channels, size, size]; float32, any value."""
        freqs, phases = self._placed(motion)
        # Frequencies that the motion pushed past the band fade out, so that none folds back.
        headroom = self.rate / 2 - self.bandwidth
        amplitudes = (1 - (freqs.norm(dim=2) - self.bandwidth) / headroom).clamp(0, 1)
        half = 0.5 * self.size / self.rate
        steps = (torch.arange(self.size, device=freqs.device) * 2 + 1).to(freqs) / self.size - 1
        axis = steps * half
        along_x = freqs[:, :, 0, None] * axis  # [n, c, size]
        along_y = freqs[:, :, 1, None] * axis
        angle = along_y[:, :, :, None] + along_x[:, :, None, :] + phases[:, :, None, None]
        waves = torch.sin(angle * (2 * math.pi)) * amplitudes[:, :, None, None]
        weight = self.weight / math.sqrt(self.channels)
        return torch.matmul(weight, waves.flatten(2)).view(waves.shape)


class SynthesisLayer(nn.Module):
    """Modulated convolution, then bias and leaky ReLU at a higher sampling rate, between two low-pass filters."""

    magnitude_ema: Tensor
    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(self, plan: LayerPlan, config: StyleGAN3Config) -> None:
        super().__init__()
        self.in_channels, self.out_channels = plan.in_channels, plan.out_channels
        self.out_size, self.is_torgb, self.conv_clamp = plan.out_size, plan.is_torgb, config.conv_clamp
        self.kernel_size = 1 if plan.is_torgb else config.conv_kernel
        self.conv_size = plan.in_size + self.kernel_size - 1
        self.affine = FullyConnectedLayer(config.w_dim, plan.in_channels, bias_init=1.0)
        self.weight = nn.Parameter(
            torch.randn(plan.out_channels, plan.in_channels, self.kernel_size, self.kernel_size)
        )
        self.bias = nn.Parameter(torch.zeros(plan.out_channels))
        self.register_buffer("magnitude_ema", torch.ones([]))
        inner_rate = max(plan.in_rate, plan.out_rate) * (1 if plan.is_torgb else config.lrelu_upsampling)
        self.up, self.down = round(inner_rate / plan.in_rate), round(inner_rate / plan.out_rate)
        up_taps = 1 if plan.is_torgb or self.up == 1 else config.filter_size * self.up
        down_taps = 1 if plan.is_torgb or self.down == 1 else config.filter_size * self.down
        radial = config.use_radial_filters and not plan.is_critical
        self.register_buffer(
            "up_filter", lowpass_filter(up_taps, plan.in_cutoff, plan.in_half_width * 2, inner_rate)
        )
        self.register_buffer(
            "down_filter",
            lowpass_filter(down_taps, plan.out_cutoff, plan.out_half_width * 2, inner_rate, radial),
        )
        pad = (self.out_size - 1) * self.down + 1 - self.conv_size * self.up + up_taps + down_taps - 2
        self.pad = ((pad + self.up) // 2, pad - (pad + self.up) // 2)
        self._up_terms, self._down_terms = TermsOfFilter(), TermsOfFilter()
        self.update_ema, self.magnitude_ema_beta = False, config.magnitude_ema_beta

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        """[n, in, h, h] and the affine's output [n, in] to [n, out, out_size, out_size]; float32, any value."""
        if self.update_ema:
            with torch.no_grad():
                self.magnitude_ema.copy_(x.square().mean().lerp(self.magnitude_ema, self.magnitude_ema_beta))
        weight, in_scale, out_scale = self._modulation(styles)
        if not torch.is_grad_enabled() and not wants_dense(x):
            out = x.new_empty(len(x), self.out_channels, self.out_size, self.out_size)
            for i in range(len(x)):
                self._one_sample(x[i], weight * in_scale[i, :, None, None], out_scale[i], out[i])
            return out
        y = F.conv2d(x * in_scale[:, :, None, None], weight, padding=self.kernel_size - 1)
        y = torch.addcmul(self.bias[:, None, None], y, out_scale[:, :, None, None])
        if self.is_torgb:
            return y if self.conv_clamp is None else y.clamp(-self.conv_clamp, self.conv_clamp)
        y = F.leaky_relu(separable(y, self.upsampling(y)), LRELU_SLOPE)
        if self.conv_clamp is not None:
            y = y.clamp(-self.conv_clamp, self.conv_clamp)
        if self.is_radial and wants_dense(y):
            assert self.down_filter is not None
            return depthwise(y, self.down_filter, self.down)
        return separable(y, self.downsampling(y))

    @property
    def is_radial(self) -> bool:
        """Whether the downsampling filter is a matrix, which is not separable."""
        return self.down_filter is not None and self.down_filter.ndim == 2

    def _modulation(self, styles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Shared kernel [out, in, k, k], scales of its input [n, in] and output [n, out] channels."""
        gain = self.magnitude_ema.rsqrt()
        if self.is_torgb:
            scale = styles / math.sqrt(self.in_channels)
            return self.weight, scale, gain.expand(styles.shape[0], self.out_channels)
        # Before demodulation both factors are brought to unit size. (The public code takes one size for the styles
        # of the whole batch, which demodulation divides out again; an image here depends on its own style only.)
        weight = self.weight * self.weight.square().mean(dim=(1, 2, 3), keepdim=True).rsqrt()
        scale = styles * styles.square().mean(dim=1, keepdim=True).rsqrt()
        return weight, scale, demodulation(weight, scale) * gain

    def _one_sample(self, x: Tensor, weight: Tensor, out_scale: Tensor, out: Tensor) -> None:
        """The same for `x` [in, h, h] without gradient: the style in the small weights, not on the large maps; and
        the upsampled maps, the largest of all, made and used up a few at a time in the processor's cache."""
        weight = (weight * out_scale[:, None, None, None]).contiguous()  # maps here are not channels_last
        if self.kernel_size == 1:
            y = torch.addmm(self.bias[:, None], weight[:, :, 0, 0], x.reshape(self.in_channels, -1))
            y = y.view(-1, *x.shape[1:])
        else:
            y = F.conv2d(x[None], weight, self.bias, padding=self.kernel_size - 1)[0].contiguous()
        clamp = math.inf if self.conv_clamp is None else self.conv_clamp
        if self.is_torgb:
            out.copy_(y.clamp_(-clamp, clamp))
            return

        def activate(maps: Tensor) -> None:
            F.leaky_relu_(maps, LRELU_SLOPE).clamp_(-clamp, clamp)

        up = self.upsampling(y)
        if self.is_radial:
            assert self.down_filter is not None
            filter_between(y, up[0], activate, self.down_filter, self.down, out)
            return
        chunk = max(1, CHUNK_PIXELS // (up[0][0].rows * up[0][1].rows))
        down = self.downsampling(y)

        def work(i: int) -> None:
            inner = apply_terms(y[i : i + chunk], up)
            activate(inner)
            apply_terms(inner, down, out[i : i + chunk])

        share_out(work, range(0, self.out_channels, chunk))

    def upsampling(self, like: Tensor) -> Terms:
        """The upsampling as banded matrices, on the device and in the dtype of `like`. The gain of the leaky ReLU,
        which is homogeneous, is in it: one share for each axis."""
        gain = self.up * math.sqrt(LRELU_GAIN)
        return self._up_terms.get(
            self.up_filter,
            like,
            lambda taps: resampling_matrix(taps * gain, self.conv_size, up=self.up, down=1, pad=self.pad),
        )

    def downsampling(self, like: Tensor) -> Terms:
        """The downsampling as banded matrices; a radial filter is a sum of several."""
        inner = (
            self.conv_size * self.up
            + sum(self.pad)
            + 1
            - (1 if self.up_filter is None else len(self.up_filter))
        )
        return self._down_terms.get(
            self.down_filter,
            like,
            lambda taps: resampling_matrix(taps, inner, up=1, down=self.down, pad=(0, 0)),
        )
