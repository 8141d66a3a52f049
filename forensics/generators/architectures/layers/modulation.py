"""Convolutions whose input channels a style scales: one shared convolution between two channel scalings.

Shapes: n images, i channels in, o out, k x k kernels; float32. The public code gives each sample weights of its own.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), section 2.2, equations 1-3.
"""

from __future__ import annotations

from torch import Tensor

from forensics.generators.architectures.layers.convolution import conv2d, conv_transpose2d, needs_gradient
from forensics.generators.architectures.layers.filtering import fir


def modulated_conv2d(x: Tensor, weight: Tensor, styles: Tensor, *, up_filter: Tensor | None = None) -> Tensor:
    """Convolve `x` [n, i, h, w] with `weight` [o, i, k, k] modulated by `styles` [n, i], not demodulated.

    Scaling the weights' input channels equals scaling the input's channels, so that all samples share one
    convolution. With `up_filter` the result is upsampled by 2 (transposed convolution, then the FIR); float32.
    """
    x = x * styles[:, :, None, None]
    if up_filter is None:
        return conv2d(x, weight, padding=weight.shape[-1] // 2)
    y = conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    return fir(y, up_filter.flip((0, 1)) * 4.0, padding=1)


def demodulation(weight: Tensor, styles: Tensor, eps: float = 1e-8) -> Tensor:
    """1 / norm of each sample's modulated kernel, [n, o] (equation 3), without building the kernels.

    All float32, any value.
    """
    return (styles.square() @ _squared_norms(weight).t() + eps).rsqrt()


def _squared_norms(weight: Tensor) -> Tensor:
    """Sum of squares over the kernel's area, [o, i]."""
    if needs_gradient(weight):
        return weight.square().sum(dim=(2, 3))
    # Tap by tap: no temporary of the weights' size, and contiguous reads where channels are last.
    taps = [weight[:, :, a, b] for a in range(weight.shape[2]) for b in range(weight.shape[3])]
    total = taps[0].square()
    for tap in taps[1:]:
        total.addcmul_(tap, tap)
    return total
