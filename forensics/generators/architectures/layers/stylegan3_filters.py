"""Filters of the alias-free generator: their design and the sizes they imply.

Source: Karras et al., "Alias-Free Generative Adversarial Networks" (NeurIPS 2021), section 3.2 and appendix C.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class LayerPlan:
    """Sizes and bands of one synthesis layer; rates, cutoffs and half-widths in cycles per unit length."""

    name: str
    in_channels: int
    out_channels: int
    in_size: int
    out_size: int
    in_rate: float
    out_rate: float
    in_cutoff: float
    out_cutoff: float
    in_half_width: float
    out_half_width: float
    is_torgb: bool
    is_critical: bool


@dataclass(frozen=True)
class Bands:
    """How cutoff, stopband, sampling rate, size and width go up through the layers (one entry a layer)."""

    cutoffs: np.ndarray
    half_widths: np.ndarray
    rates: np.ndarray
    sizes: np.ndarray
    channels: np.ndarray


@dataclass(frozen=True)
class StyleGAN3Config:
    """Constructor arguments of `StyleGAN3Generator`; see there."""

    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    img_resolution: int = 1024
    img_channels: int = 3
    num_mapping_layers: int = 2
    mapping_lr_multiplier: float = 0.01
    channel_base: int = 32768
    channel_max: int = 512
    num_layers: int = 14
    num_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2**2.1
    last_stopband_rel: float = 2**0.3
    margin_size: int = 10
    output_scale: float = 0.25
    conv_kernel: int = 3
    filter_size: int = 6
    lrelu_upsampling: int = 2
    use_radial_filters: bool = False
    conv_clamp: float | None = 256.0
    magnitude_ema_beta: float = 0.999


def plan_bands(config: StyleGAN3Config) -> Bands:
    """Geometric progression of cutoff and stopband, sampling rates the next power of two (section 3.2)."""
    img_resolution, num_layers = config.img_resolution, config.num_layers
    first_cutoff, first_stopband = config.first_cutoff, config.first_stopband
    last_cutoff = img_resolution / 2
    exponents = np.minimum(np.arange(num_layers + 1) / (num_layers - config.num_critical), 1)
    cutoffs = first_cutoff * (last_cutoff / first_cutoff) ** exponents
    stopbands = first_stopband * (last_cutoff * config.last_stopband_rel / first_stopband) ** exponents
    rates = np.exp2(np.ceil(np.log2(np.minimum(stopbands * 2, img_resolution))))
    sizes = (rates + config.margin_size * 2).astype(int)
    sizes[-2:] = img_resolution
    channels = np.rint(np.minimum((config.channel_base / 2) / cutoffs, config.channel_max)).astype(int)
    channels[-1] = config.img_channels
    return Bands(cutoffs, np.maximum(stopbands, rates / 2) - cutoffs, rates, sizes, channels)


def plan_layers(bands: Bands, num_critical: int) -> list[LayerPlan]:
    """The layers L0 ... between consecutive entries of `bands`; the last one makes the image."""
    last = len(bands.sizes) - 1
    plans = []
    for i in range(last + 1):
        j = max(i - 1, 0)
        plans.append(
            LayerPlan(
                name=f"L{i}_{bands.sizes[i]}_{bands.channels[i]}",
                in_channels=int(bands.channels[j]),
                out_channels=int(bands.channels[i]),
                in_size=int(bands.sizes[j]),
                out_size=int(bands.sizes[i]),
                in_rate=float(bands.rates[j]),
                out_rate=float(bands.rates[i]),
                in_cutoff=float(bands.cutoffs[j]),
                out_cutoff=float(bands.cutoffs[i]),
                in_half_width=float(bands.half_widths[j]),
                out_half_width=float(bands.half_widths[i]),
                is_torgb=i == last,
                is_critical=i >= last - num_critical,
            )
        )
    return plans


def lowpass_filter(
    taps: int, cutoff: float, width: float, rate: float, radial: bool = False
) -> Tensor | None:
    """Kaiser-windowed low-pass FIR of sum 1, float32 [taps], or [taps, taps] for the radial jinc; None for one tap."""
    from scipy import signal, special

    if taps == 1:
        return None
    if not radial:
        return torch.from_numpy(signal.firwin(taps, cutoff, width=width, fs=rate)).float()
    x = (np.arange(taps) - (taps - 1) / 2) / rate
    r = np.hypot(*np.meshgrid(x, x))
    r = np.maximum(r, 1e-9 / cutoff)  # the middle of an odd number of taps takes the limit, `cutoff`
    kernel = special.j1(2 * cutoff * np.pi * r) / (np.pi * r)
    window = np.kaiser(taps, signal.kaiser_beta(signal.kaiser_atten(taps, width / (rate / 2))))
    kernel *= np.outer(window, window)
    return torch.from_numpy(kernel / kernel.sum()).float()
