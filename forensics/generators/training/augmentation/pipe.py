"""Adaptive discriminator augmentation: the non-leaking pipeline of 18 transforms.

Images float32 [n, 3, h, w] in [-1, 1] or near it. Each transform is drawn for each image with probability strength x p;
the geometric ones become one inverse matrix G_inv and a single resampling between two orthogonal wavelet filters,
the colour ones one 4 x 4 matrix. Linear in the image, so twice differentiable.

Source: Karras et al., "Training Generative Adversarial Networks with Limited Data" (NeurIPS 2020), appendix B.
"""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.generators.training.augmentation.pipelines import PIPELINES, AugmentStrengths

__all__ = ["PIPELINES", "AugmentPipe", "AugmentStrengths"]

# Daubechies' least asymmetric wavelets sym6 and sym2 (scaling coefficients).
_SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633,
    0.4910559419267466, 0.787641141030194, 0.3379294217276218, -0.07263752278646252,
    -0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148,
)  # fmt: skip
_SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)


class _Draws:
    """The random numbers of one call; with `quantile` every draw is that quantile of its distribution.

    The normal quantile is erfinv(2q - 1) without the factor sqrt 2, as the published pipeline's own debugging
    mode has it: the reference numbers were made with it.
    """

    def __init__(self, n: int, p: Tensor, quantile: float | None) -> None:
        self.n, self.p, self.quantile = n, p, quantile
        self.device = p.device

    def gate(self, values: Tensor, identity: float, strength: float) -> Tensor:
        """`values` [n, ...] where a transform of this strength fires, else `identity`."""
        if self.quantile is not None:
            return values
        shape = [self.n] + [1] * (values.dim() - 1)
        fires = torch.rand(shape, device=self.device) < strength * self.p
        return torch.where(fires, values, torch.full_like(values, identity))

    def uniform(self, *shape: int) -> Tensor:
        """U(0, 1), [n, *shape]."""
        if self.quantile is not None:
            return torch.full([self.n, *shape], self.quantile, device=self.device)
        return torch.rand([self.n, *shape], device=self.device)

    def normal(self, *shape: int) -> Tensor:
        """N(0, 1), [n, *shape]."""
        if self.quantile is not None:
            value = torch.erfinv(torch.tensor(self.quantile * 2 - 1))
            return torch.full([self.n, *shape], float(value), device=self.device)
        return torch.randn([self.n, *shape], device=self.device)


def _matrix(rows: list[list[Tensor | float]], like: Tensor) -> Tensor:
    """Batch of matrices [n, r, c] from entries that are numbers or [n]."""
    entries = [
        [torch.as_tensor(e, dtype=like.dtype, device=like.device).expand_as(like) for e in r] for r in rows
    ]
    return torch.stack([torch.stack(r, dim=-1) for r in entries], dim=-2)


def _translate2d(tx: Tensor, ty: Tensor) -> Tensor:
    return _matrix([[1, 0, tx], [0, 1, ty], [0, 0, 1]], tx)


def _scale2d(sx: Tensor, sy: Tensor) -> Tensor:
    return _matrix([[sx, 0, 0], [0, sy, 0], [0, 0, 1]], sx)


def _rotate2d(theta: Tensor) -> Tensor:
    c, s = theta.cos(), theta.sin()
    return _matrix([[c, -s, 0], [s, c, 0], [0, 0, 1]], theta)


def _rotate_about_grey(theta: Tensor) -> Tensor:
    """Rotation by `theta` about the luma axis (1, 1, 1) / sqrt 3, [n, 4, 4] (Rodrigues)."""
    v = 1 / math.sqrt(3)
    s, c = theta.sin(), theta.cos()
    cc, d = (1 - c) / 3, s * v
    return _matrix(
        [[cc + c, cc - d, cc + d, 0], [cc + d, cc + c, cc - d, 0], [cc - d, cc + d, cc + c, 0], [0, 0, 0, 1]],
        theta,
    )


def _filter_bank() -> np.ndarray:
    """Four octave band-pass filters of 43 taps that sum to the identity, [4, 43] (appendix B.3)."""
    low = np.asarray(_SYM2)
    high = low * (-1.0) ** np.arange(low.size)
    low2, high2 = np.convolve(low, low[::-1]) / 2, np.convolve(high, high[::-1]) / 2
    bank = np.eye(4, 1)
    for i in range(1, 4):
        bank = np.dstack([bank, np.zeros_like(bank)]).reshape(4, -1)[:, :-1]
        bank = np.stack([np.convolve(row, low2) for row in bank])
        start = (bank.shape[1] - high2.size) // 2
        bank[i, start : start + high2.size] += high2
    return bank


class AugmentPipe(nn.Module):
    """Augment images [n, 3, h, w] with overall probability `p` (a buffer: it travels with checkpoints)."""

    p: Tensor
    Hz_geom: Tensor
    Hz_fbank: Tensor

    def __init__(self, strengths: AugmentStrengths, p: float = 0.0) -> None:
        super().__init__()
        self.strengths = strengths
        self.register_buffer("p", torch.tensor(float(p)))
        sym6 = torch.tensor(_SYM6, dtype=torch.float64)
        self.register_buffer("Hz_geom", (sym6 / sym6.sum()).float())
        self.register_buffer("Hz_fbank", torch.as_tensor(_filter_bank(), dtype=torch.float32))

    @property
    def active(self) -> bool:
        """Whether any transform can fire."""
        on = any(getattr(self.strengths, f.name) for f in fields(AugmentStrengths)[:15])
        return on and float(self.p) > 0

    def forward(self, images: Tensor, quantile: float | None = None) -> Tensor:
        """Augmented images float32 [n, 3, h, w], any range.

        With `quantile` every draw is that quantile and every transform fires (for tests)."""
        if quantile is None and not self.active:
            return images
        draws = _Draws(images.shape[0], self.p, quantile)
        h, w = images.shape[2:]
        g_inv = self._geometry(draws, w, h)
        if g_inv is not None:
            images = self._resample(images, g_inv)
        images = self._colour(images, draws)
        if self.strengths.imgfilter > 0:
            images = self._filter(images, draws)
        return self._corrupt(images, draws)

    def _geometry(self, draws: _Draws, width: int, height: int) -> Tensor | None:
        """Inverse transforms, output pixel to input pixel, [n, 3, 3]; None where nothing geometric is on."""
        s = self.strengths
        steps: list[Tensor] = []
        if s.xflip > 0:
            i = draws.gate(torch.floor(draws.uniform() * 2), 0, s.xflip)
            steps.append(_scale2d(1 - 2 * i, torch.ones_like(i)))
        if s.rotate90 > 0:
            i = draws.gate(torch.floor(draws.uniform() * 4), 0, s.rotate90)
            steps.append(_rotate2d(math.pi / 2 * i))
        if s.xint > 0:
            t = draws.gate((draws.uniform(2) * 2 - 1) * s.xint_max, 0, s.xint)
            steps.append(_translate2d(-torch.round(t[:, 0] * width), -torch.round(t[:, 1] * height)))
        if s.scale > 0:
            k = draws.gate(torch.exp2(draws.normal() * s.scale_std), 1, s.scale)
            steps.append(_scale2d(1 / k, 1 / k))
        # Two rotations, before and after the anisotropic scale, that together fire with probability rotate x p.
        p_rot = 1 - math.sqrt(min(max(1 - s.rotate * float(self.p), 0.0), 1.0))
        if s.rotate > 0:
            steps.append(self._rotation(draws, p_rot))
        if s.aniso > 0:
            k = draws.gate(torch.exp2(draws.normal() * s.aniso_std), 1, s.aniso)
            steps.append(_scale2d(1 / k, k))
        if s.rotate > 0 and draws.quantile is None:
            steps.append(self._rotation(draws, p_rot))
        if s.xfrac > 0:
            t = draws.gate(draws.normal(2) * s.xfrac_std, 0, s.xfrac)
            steps.append(_translate2d(-t[:, 0] * width, -t[:, 1] * height))
        if not steps:
            return None
        g_inv = steps[0]
        for step in steps[1:]:
            g_inv = g_inv @ step
        return g_inv

    def _rotation(self, draws: _Draws, p_rot: float) -> Tensor:
        theta = (draws.uniform() * 2 - 1) * math.pi * self.strengths.rotate_max
        strength = p_rot / max(float(self.p), 1e-12)
        return _rotate2d(draws.gate(theta, 0, strength))

    def _resample(self, images: Tensor, g_inv: Tensor) -> Tensor:
        """Reflect-pad, upsample by sym6, sample bilinearly at `g_inv`, downsample by sym6."""
        n, c, height, width = images.shape
        taps = self.Hz_geom
        pad = taps.numel() // 4
        x0, y0, x1, y1 = self._margins(g_inv, width, height, pad)
        # Both filters as dense products: for three channels a fifth of the time of depthwise convolutions.
        rows = _upsampling(height, y0, y1, taps).t()
        images = rows @ (images @ _upsampling(width, x0, x1, taps))
        ones = torch.ones(n, device=images.device)
        g_inv = _translate2d(ones * ((x0 - x1) / 2), ones * ((y0 - y1) / 2)) @ g_inv

        g_inv = _scale2d(2 * ones, 2 * ones) @ g_inv @ _scale2d(ones / 2, ones / 2)
        g_inv = _translate2d(-ones / 2, -ones / 2) @ g_inv @ _translate2d(ones / 2, ones / 2)

        out_h, out_w = (height + pad * 2) * 2, (width + pad * 2) * 2
        to_unit = _scale2d(ones * (2 / images.shape[3]), ones * (2 / images.shape[2]))
        g_inv = to_unit @ g_inv @ _scale2d(ones * (out_w / 2), ones * (out_h / 2))
        grid = F.affine_grid(g_inv[:, :2], [n, c, out_h, out_w], align_corners=False)
        images = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return _downsampling(out_h, 1, taps).t() @ (images @ _downsampling(out_w, 1, taps))

    @staticmethod
    def _margins(g_inv: Tensor, width: int, height: int, pad: int) -> list[int]:
        """How far the transformed corners reach outside the image, [x0, y0, x1, y1] in pixels."""
        cx, cy = (width - 1) / 2, (height - 1) / 2
        corners = torch.tensor(
            [[-cx, -cy, 1.0], [cx, -cy, 1.0], [cx, cy, 1.0], [-cx, cy, 1.0]], device=g_inv.device
        )
        moved = (g_inv @ corners.t())[:, :2].permute(1, 0, 2).flatten(1)
        margin = torch.cat([-moved, moved]).max(dim=1).values
        margin = margin + torch.tensor([pad * 2 - cx, pad * 2 - cy] * 2, device=g_inv.device)
        limit = torch.tensor([width - 1, height - 1] * 2, device=g_inv.device)
        return [int(m) for m in margin.clamp(min=0).minimum(limit).ceil().tolist()]

    def _colour(self, images: Tensor, draws: _Draws) -> Tensor:
        s = self.strengths
        eye = torch.eye(4, device=images.device)
        luma = torch.tensor([1.0, 1.0, 1.0, 0.0], device=images.device) / math.sqrt(3)
        grey = torch.outer(luma, luma)
        steps: list[Tensor] = []
        if s.brightness > 0:
            b = draws.gate(draws.normal() * s.brightness_std, 0, s.brightness)
            steps.append(_matrix([[1, 0, 0, b], [0, 1, 0, b], [0, 0, 1, b], [0, 0, 0, 1]], b))
        if s.contrast > 0:
            k = draws.gate(torch.exp2(draws.normal() * s.contrast_std), 1, s.contrast)
            steps.append(_matrix([[k, 0, 0, 0], [0, k, 0, 0], [0, 0, k, 0], [0, 0, 0, 1]], k))
        if s.lumaflip > 0:
            i = draws.gate(torch.floor(draws.uniform(1, 1) * 2), 0, s.lumaflip)
            steps.append(eye - 2 * grey * i)
        if s.hue > 0:
            theta = (draws.uniform() * 2 - 1) * math.pi * s.hue_max
            steps.append(_rotate_about_grey(draws.gate(theta, 0, s.hue)))
        if s.saturation > 0:
            k = draws.gate(torch.exp2(draws.normal(1, 1) * s.saturation_std), 1, s.saturation)
            steps.append(grey + (eye - grey) * k)
        if not steps:
            return images
        colour = steps[0]
        for step in steps[1:]:
            colour = step @ colour
        n, c, h, w = images.shape
        pixels = torch.baddbmm(colour[:, :3, 3:], colour[:, :3, :3], images.reshape(n, c, h * w))
        return pixels.reshape(n, c, h, w)

    def _filter(self, images: Tensor, draws: _Draws) -> Tensor:
        """Amplify or attenuate each octave, at constant expected power (appendix B.3)."""
        n, c, h, w = images.shape
        power = torch.tensor([10.0, 1.0, 1.0, 1.0], device=images.device) / 13
        gains = torch.ones(n, 4, device=images.device)
        for band in range(4):
            t = torch.ones(n, 4, device=images.device)
            drawn = torch.exp2(draws.normal() * self.strengths.imgfilter_std)
            t[:, band] = draws.gate(drawn, 1, self.strengths.imgfilter)
            gains = gains * (t / (power * t.square()).sum(dim=-1, keepdim=True).sqrt())
        taps = (gains @ self.Hz_fbank)[:, None].expand(-1, c, -1).reshape(n * c, 1, -1)
        pad = taps.shape[2] // 2
        x = F.pad(images.reshape(1, n * c, h, w), [pad] * 4, mode="reflect")
        x = F.conv2d(x, taps[:, :, None, :], groups=n * c)
        return F.conv2d(x, taps[:, :, :, None], groups=n * c).reshape(n, c, h, w)

    def _corrupt(self, images: Tensor, draws: _Draws) -> Tensor:
        s = self.strengths
        h, w = images.shape[2:]
        if s.noise > 0:
            sigma = draws.gate(draws.normal(1, 1, 1).abs() * s.noise_std, 0, s.noise)
            images = images + torch.randn_like(images) * sigma
        if s.cutout > 0:
            size = torch.full([draws.n, 1, 1, 1], s.cutout_size, device=images.device)
            size = draws.gate(size, 0, s.cutout)
            centre = draws.uniform(2, 1, 1, 1)
            x = (torch.arange(w, device=images.device) + 0.5) / w
            y = (torch.arange(h, device=images.device) + 0.5) / h
            keep_x = (x[None, None, None, :] - centre[:, 0]).abs() >= size / 2
            keep_y = (y[None, None, :, None] - centre[:, 1]).abs() >= size / 2
            images = images * (keep_x | keep_y).to(images.dtype)
        return images


def _upsampling(size: int, before: int, after: int, taps: Tensor) -> Tensor:
    """Matrix [size, 2 (before + size + after)] that reflects a row at its ends, and doubles it by the filter `taps`."""
    k = taps.numel()
    padded = F.pad(torch.eye(size, device=taps.device)[:, None], [before, after], mode="reflect")
    return F.conv_transpose1d(padded, (taps * 2).expand(1, 1, k), stride=2, padding=k // 2 - 1)[:, 0]


def _downsampling(size: int, crop: int, taps: Tensor) -> Tensor:
    """Matrix [size, size'] to every second pixel of a row's correlation with `taps`, without `crop` pixels a side."""
    row = torch.eye(size, device=taps.device)[:, None, crop:-crop]
    return F.conv1d(row, taps.expand(1, 1, -1), stride=2)[:, 0]
