"""StyleGAN2 and StyleGAN3 synthesis done the plain way, from the state of our own networks.

What the public implementations compute, step by step: each sample is convolved with its own modulated weights (one
grouped convolution), upsampling inserts zeros and filters them at full size, downsampling filters at full size and
drops pixels, and bias, activation, gain and clamp are passes of their own. It is the yardstick of the speed table and
the second opinion of the tests. Filters are applied as the public code does: a filter stored as a matrix densely, a
filter stored as a vector along one axis, then the other.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.generators.architectures import stylegan2, stylegan3
from forensics.generators.architectures.layers import stylegan2 as stylegan2_layers
from forensics.generators.architectures.layers import stylegan3 as stylegan3_layers


def upfirdn2d(
    x: Tensor,
    kernel: Tensor | None,
    *,
    up: int = 1,
    down: int = 1,
    pad: tuple[int, int, int, int] = (0, 0, 0, 0),
    gain: float = 1.0,
) -> Tensor:
    """Zero-stuff by `up`, pad (x before, after, y before, after; negative crops), convolve, keep every `down`-th."""
    n, c, h, w = x.shape
    x = F.pad(x.reshape(n, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1)).reshape(n, c, h * up, w * up)
    x = F.pad(x, pad)
    if kernel is None:
        kernel = torch.ones(1, device=x.device)
    kernel = kernel * gain ** (kernel.ndim / 2)
    kernel = kernel.flip(list(range(kernel.ndim))).to(x.dtype)
    if kernel.ndim == 2:
        x = F.conv2d(x, kernel.expand(c, 1, *kernel.shape), groups=c)
    else:
        x = F.conv2d(x, kernel[None, :].expand(c, 1, 1, -1), groups=c)
        x = F.conv2d(x, kernel[:, None].expand(c, 1, -1, 1), groups=c)
    return x[:, :, ::down, ::down]


def per_sample_weights(weight: Tensor, styles: Tensor, demodulate: bool) -> Tensor:
    """[n, out, in, k, k]: the kernel of each sample, its input channels scaled, its output channels normalised."""
    w = weight[None] * styles[:, None, :, None, None]
    if demodulate:
        w = w * (w.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    return w


def grouped_conv(x: Tensor, w: Tensor, *, padding: int) -> Tensor:
    """Convolve sample i of `x` with `w[i]`: one convolution of n groups."""
    n, out_channels = w.shape[:2]
    y = F.conv2d(x.reshape(1, -1, *x.shape[2:]), w.reshape(-1, *w.shape[2:]), padding=padding, groups=n)
    return y.reshape(n, out_channels, *y.shape[2:])


def bias_act(x: Tensor, bias: Tensor, *, slope: float, gain: float, clamp: float | None) -> Tensor:
    """Bias, leaky ReLU, gain, clamp."""
    x = F.leaky_relu(x + bias[None, :, None, None], slope) * gain
    return x if clamp is None else x.clamp(-clamp, clamp)


def _layer2(
    layer: stylegan2_layers.SynthesisLayer, x: Tensor, styles: Tensor, noise: Tensor | None, gain: float
) -> Tensor:
    w = per_sample_weights(layer.weight, styles, demodulate=True)
    if layer.up == 2:
        n, o, i, k, _ = w.shape
        y = F.conv_transpose2d(
            x.reshape(1, -1, *x.shape[2:]), w.transpose(1, 2).reshape(n * i, o, k, k), stride=2, groups=n
        )
        x = upfirdn2d(y.reshape(n, o, *y.shape[2:]), layer.resample_filter, pad=(1, 1, 1, 1), gain=4)
    else:
        x = grouped_conv(x, w, padding=1)
    if noise is not None:
        x = x + noise * layer.noise_strength
    clamp = None if layer.conv_clamp is None else layer.conv_clamp * gain
    return bias_act(x, layer.bias, slope=0.2, gain=math.sqrt(2) * gain, clamp=clamp)


def _block2(
    block: stylegan2_layers.SynthesisBlock,
    x: Tensor | None,
    img: Tensor | None,
    styles: dict[str, Tensor],
    noise: str,
) -> tuple[Tensor, Tensor | None]:
    def run(name: str, y: Tensor, gain: float = 1.0) -> Tensor:
        layer: stylegan2_layers.SynthesisLayer = getattr(block, name)
        return _layer2(layer, y, styles[name], layer.noise_map(y, noise), gain)

    if x is None:
        x = run("conv1", block.const[None].expand(len(styles["conv1"]), -1, -1, -1))
    elif block.architecture == "resnet":
        weight = block.skip.weight * block.skip.weight_gain * math.sqrt(0.5)
        y = upfirdn2d(F.conv2d(x, weight), block.resample_filter, up=2, pad=(2, 1, 2, 1), gain=4)
        x = y + run("conv1", run("conv0", x), math.sqrt(0.5))
    else:
        x = run("conv1", run("conv0", x))
    if img is not None:
        img = upfirdn2d(img, block.resample_filter, up=2, pad=(2, 1, 2, 1), gain=4)
    if block.has_torgb:
        rgb = block.torgb
        w = per_sample_weights(rgb.weight, styles["torgb"] * rgb.weight_gain, demodulate=False)
        y = bias_act(grouped_conv(x, w, padding=0), rgb.bias, slope=1.0, gain=1.0, clamp=rgb.conv_clamp)
        img = y if img is None else img + y
    return x, img


def stylegan2_synthesis(g: stylegan2.StyleGAN2Generator, ws: Tensor, noise: str = "const") -> Tensor:
    """ws [n, num_ws, w_dim] to images [n, img_channels, R, R]."""
    styles: dict[str, dict[str, Tensor]] = {}
    for name, layer, i in g.synthesis.modulated_layers():
        block_name, layer_name = name.split(".")
        styles.setdefault(block_name, {})[layer_name] = layer.affine(ws[:, i])
    x: Tensor | None = None
    img: Tensor | None = None
    for name, block in g.synthesis.blocks():
        x, img = _block2(block, x, img, styles[name], noise)
    assert img is not None
    return img


def _layer3(layer: stylegan3_layers.SynthesisLayer, x: Tensor, w: Tensor) -> Tensor:
    styles = layer.affine(w)
    weight: Tensor = layer.weight
    if layer.is_torgb:
        styles = styles / math.sqrt(layer.in_channels)
    else:
        weight = weight * weight.square().mean(dim=(1, 2, 3), keepdim=True).rsqrt()
        styles = styles * styles.square().mean().rsqrt()
    kernels = per_sample_weights(weight, styles, demodulate=not layer.is_torgb) * layer.magnitude_ema.rsqrt()
    x = grouped_conv(x, kernels, padding=layer.kernel_size - 1)
    if layer.is_torgb:
        return bias_act(x, layer.bias, slope=1.0, gain=1.0, clamp=layer.conv_clamp)
    x = x + layer.bias[None, :, None, None]
    x = upfirdn2d(x, layer.up_filter, up=layer.up, pad=layer.pad * 2, gain=layer.up**2)
    x = bias_act(x, torch.zeros_like(layer.bias), slope=0.2, gain=math.sqrt(2), clamp=layer.conv_clamp)
    return upfirdn2d(x, layer.down_filter, down=layer.down)


def stylegan3_synthesis(g: stylegan3.StyleGAN3Generator, ws: Tensor) -> Tensor:
    """ws [n, num_ws, w_dim] to images [n, img_channels, R, R]."""
    x: Tensor = g.synthesis.input(g.synthesis.input.affine(ws[:, 0]))
    for i, (_, layer) in enumerate(g.synthesis.layers()):
        x = _layer3(layer, x, ws[:, i + 1])
    return x * g.synthesis.output_scale
