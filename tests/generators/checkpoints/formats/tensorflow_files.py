"""Stand-ins for NVIDIA's TensorFlow pickles: the published variable names with random numbers, and what they compute.

The networks are computed here as the TensorFlow code does it, operation by operation, in float64 and from the variables
under their own names, so that a reader that turns or transposes anything wrongly gives another image.
"""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Mapping
from math import log2, sqrt
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Variables = dict[str, np.ndarray]
LATENT, WIDTH = 12, 8


class Network:
    """What `dnnlib.tflib.network.Network` leaves in a pickle: its state as a dict."""


Network.__module__, Network.__qualname__ = "dnnlib.tflib.network", "Network"


def network(name: str, variables: Variables, parts: Mapping[str, Any] | None = None, **settings: Any) -> Any:
    made = Network()
    made.__dict__ |= {
        "version": 4,
        "name": name,
        "static_kwargs": settings,
        "components": dict(parts or {}),
        "build_module_src": "raise SystemExit('source was run')",
        "build_func_name": "G_main",
        "variables": list(variables.items()),
    }
    return made


def pickled(value: Any, protocol: int = 4) -> bytes:
    """The pickle as NVIDIA's code writes it; the stand-in's module exists while it is written."""
    chain = ("dnnlib", "dnnlib.tflib", "dnnlib.tflib.network")
    modules = {name: types.ModuleType(name) for name in chain}
    modules[chain[-1]].Network = Network  # type: ignore[attr-defined]
    sys.modules |= modules
    try:
        return pickle.dumps(value, protocol)
    finally:
        for name in chain:
            del sys.modules[name]


def split(variables: Variables, **settings: Any) -> Any:
    """A generator of parts, as its pickle has it: `mapping` and `synthesis` with the names below them."""
    own = {name: value for name, value in variables.items() if "/" not in name}
    parts = {}
    for part in ("mapping", "synthesis"):
        below = {n.removeprefix(part + "/"): v for n, v in variables.items() if n.startswith(part + "/")}
        parts[part] = network(part, below)
    return network("G", own, parts, **settings)


class Numbers:
    """Random arrays, float32."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape).astype(np.float32)


def _mapping(draw: Numbers) -> Variables:
    variables: Variables = {"dlatent_avg": draw(WIDTH)}
    for i, inputs in enumerate((LATENT, WIDTH, WIDTH)):
        variables |= {
            f"mapping/Dense{i}/weight": draw(inputs, WIDTH) * 100,
            f"mapping/Dense{i}/bias": draw(WIDTH),
        }
    return variables


def stylegan2_variables(resolution: int, channels: int, seed: int = 3) -> Variables:
    """StyleGAN2, skip, `channels` feature maps at every size."""
    draw = Numbers(seed)
    variables = _mapping(draw) | {"synthesis/4x4/Const/const": draw(1, channels, 4, 4)}

    def layer(name: str, k: int, out: int) -> None:
        here = f"synthesis/{name}"
        variables.update({f"{here}/weight": draw(k, k, channels, out), f"{here}/bias": draw(out)})
        variables.update({f"{here}/mod_weight": draw(WIDTH, channels), f"{here}/mod_bias": draw(channels)})
        if out == channels:
            variables[f"{here}/noise_strength"] = draw()[()] * np.ones((), np.float32)

    layer("4x4/Conv", 3, channels)
    layer("4x4/ToRGB", 1, 3)
    variables["synthesis/noise0"] = draw(1, 1, 4, 4)
    for res in range(3, int(log2(resolution)) + 1):
        r = 2**res
        layer(f"{r}x{r}/Conv0_up", 3, channels)
        layer(f"{r}x{r}/Conv1", 3, channels)
        layer(f"{r}x{r}/ToRGB", 1, 3)
        for k in (2 * res - 5, 2 * res - 4):
            variables[f"synthesis/noise{k}"] = draw(1, 1, r, r)
    return variables


def stylegan_variables(resolution: int, channels: int, seed: int = 5) -> Variables:
    """StyleGAN, `channels` feature maps at every size."""
    draw = Numbers(seed)
    variables = _mapping(draw) | {"synthesis/lod": np.float32(0)[()] * np.ones((), np.float32)}
    variables["synthesis/4x4/Const/const"] = draw(1, channels, 4, 4)

    def layer(name: str, convolves: bool = True) -> None:
        here = f"synthesis/{name}"
        if convolves:
            variables[f"{here}/weight"] = draw(3, 3, channels, channels)
        variables.update({f"{here}/bias": draw(channels), f"{here}/Noise/weight": draw(channels)})
        variables.update({f"{here}/StyleMod/weight": draw(WIDTH, 2 * channels)})
        variables[f"{here}/StyleMod/bias"] = draw(2 * channels)

    layer("4x4/Const", convolves=False)
    layer("4x4/Conv")
    largest = int(log2(resolution))
    for res in range(2, largest + 1):
        r = 2**res
        if res > 2:
            layer(f"{r}x{r}/Conv0_up")
            layer(f"{r}x{r}/Conv1")
        for k in (2 * res - 4, 2 * res - 3):
            variables[f"synthesis/noise{k}"] = draw(1, 1, r, r)
        colours = f"synthesis/ToRGB_lod{largest - res}"
        variables |= {f"{colours}/weight": draw(1, 1, channels, 3), f"{colours}/bias": draw(3)}
    return variables


def discriminator_variables(resolution: int, channels: int, seed: int = 7) -> Variables:
    """StyleGAN2's, resnet, `channels` feature maps at every size."""
    draw = Numbers(seed)
    variables = {f"{resolution}x{resolution}/FromRGB/weight": draw(1, 1, 3, channels)}
    variables[f"{resolution}x{resolution}/FromRGB/bias"] = draw(channels)
    for res in range(int(log2(resolution)), 2, -1):
        for name, k in (("Conv0", 3), ("Conv1_down", 3), ("Skip", 1)):
            variables[f"{2**res}x{2**res}/{name}/weight"] = draw(k, k, channels, channels)
            if name != "Skip":
                variables[f"{2**res}x{2**res}/{name}/bias"] = draw(channels)
    variables |= {"4x4/Conv/weight": draw(3, 3, channels + 1, channels), "4x4/Conv/bias": draw(channels)}
    variables |= {"4x4/Dense0/weight": draw(16 * channels, channels), "4x4/Dense0/bias": draw(channels)}
    return variables | {"Output/weight": draw(channels, 1), "Output/bias": draw(1)}


class Plain:
    """TensorFlow's operations on variables under their own names, images and maps float64 [n, c, h, w]."""

    def __init__(self, variables: Variables) -> None:
        self.v = {name: torch.from_numpy(np.array(value)).double() for name, value in variables.items()}

    def mapped(self, z: Tensor, gain: float) -> Tensor:
        """w: pixel norm, then dense layers at learning rate multiplier 0.01, leaky ReLU times sqrt 2.

        StyleGAN has the gain in the weights, StyleGAN2 after the activation; the bias tells them apart.
        """
        x = z.double() / (z.double().square().mean(dim=1, keepdim=True) + 1e-8).sqrt()
        for i in range(3):
            weight, bias = self.v[f"mapping/Dense{i}/weight"], self.v[f"mapping/Dense{i}/bias"]
            x = x @ (weight * 0.01 * gain / sqrt(len(weight))) + bias * 0.01
            x = F.leaky_relu(x, 0.2) * (sqrt(2) / gain)
        return x

    def correlated(self, x: Tensor, weight: Tensor) -> Tensor:
        """tf.nn.conv2d, SAME, of a kernel [k, k, in, out] that is already scaled."""
        return F.conv2d(x, weight.permute(3, 2, 0, 1), padding=weight.shape[0] // 2)


def spread(x: Tensor) -> Tensor:
    """Zeros between the pixels."""
    n, c, h, w = x.shape
    wide = torch.zeros(n, c, 2 * h, 2 * w, dtype=x.dtype)
    wide[:, :, ::2, ::2] = x
    return wide


def filtered(x: Tensor, taps: list[float], pad: tuple[int, int, int, int], gain: float = 1.0) -> Tensor:
    """A separable low-pass filter, its taps summing to 1, times `gain`."""
    line = torch.tensor(taps, dtype=x.dtype) / sum(taps)
    kernel = (torch.outer(line, line) * gain).expand(x.shape[1], 1, len(taps), len(taps))
    return F.conv2d(F.pad(x, pad), kernel, groups=x.shape[1])


def stylegan2_image(variables: Variables, z: Tensor, resolution: int) -> Tensor:
    """The image of StyleGAN2 (skip) at psi 1 with the noise in the file."""
    tf = Plain(variables)
    w, v = tf.mapped(z, 1.0), tf.v

    def modulated(x: Tensor, name: str, *, up: bool = False, demodulate: bool = True) -> Tensor:
        here = f"synthesis/{name}"
        weight = v[f"{here}/weight"]
        weight = weight / sqrt(weight.shape[0] ** 2 * weight.shape[2])
        style = w @ (v[f"{here}/mod_weight"] / sqrt(WIDTH)) + v[f"{here}/mod_bias"] + 1
        rows = []
        for one, s in zip(x, style, strict=True):
            scaled = weight * s[:, None]
            if demodulate:
                scaled = scaled / (scaled.square().sum(dim=(0, 1, 2)) + 1e-8).sqrt()
            if up:  # zeros between the pixels, the whole overlap with the kernel, then the filter
                wide = F.conv2d(F.pad(spread(one[None]), (2, 1, 2, 1)), scaled.permute(3, 2, 0, 1))
                rows.append(filtered(wide, [1, 3, 3, 1], (1, 1, 1, 1), 4.0))
            else:
                rows.append(tf.correlated(one[None], scaled))
        return torch.cat(rows)

    def layer(x: Tensor, name: str, noise: int, up: bool = False) -> Tensor:
        x = modulated(x, name, up=up)
        x = x + v[f"synthesis/noise{noise}"] * v[f"synthesis/{name}/noise_strength"]
        return F.leaky_relu(x + v[f"synthesis/{name}/bias"][:, None, None], 0.2) * sqrt(2)

    def colours(x: Tensor, name: str) -> Tensor:
        return modulated(x, name, demodulate=False) + v[f"synthesis/{name}/bias"][:, None, None]

    x = layer(v["synthesis/4x4/Const/const"].expand(len(z), -1, -1, -1), "4x4/Conv", 0)
    image = colours(x, "4x4/ToRGB")
    for res in range(3, int(log2(resolution)) + 1):
        r = f"{2**res}x{2**res}"
        x = layer(x, f"{r}/Conv0_up", 2 * res - 5, up=True)
        x = layer(x, f"{r}/Conv1", 2 * res - 4)
        image = filtered(spread(image), [1, 3, 3, 1], (2, 1, 2, 1), 4.0) + colours(x, f"{r}/ToRGB")
    return image


def stylegan_image(variables: Variables, z: Tensor, resolution: int, fused_from: int = 128) -> Tensor:
    """The image of StyleGAN at psi 1 with the noise in the file; sizes from `fused_from` px enlarge by a transposed
    convolution."""
    tf = Plain(variables)
    w, v = tf.mapped(z, sqrt(2)), tf.v

    def epilogue(x: Tensor, name: str, noise: int) -> Tensor:
        here = f"synthesis/{name}"
        x = x + v[f"synthesis/noise{noise}"] * v[f"{here}/Noise/weight"][:, None, None]
        x = F.leaky_relu(x + v[f"{here}/bias"][:, None, None], 0.2)
        x = x - x.mean(dim=(2, 3), keepdim=True)
        x = x / (x.square().mean(dim=(2, 3), keepdim=True) + 1e-8).sqrt()
        style = w @ (v[f"{here}/StyleMod/weight"] / sqrt(WIDTH)) + v[f"{here}/StyleMod/bias"]
        style = style.view(len(z), 2, -1, 1, 1)
        return x * (style[:, 0] + 1) + style[:, 1]

    def scaled(name: str) -> Tensor:
        weight = v[f"synthesis/{name}/weight"]
        return weight * (sqrt(2) / sqrt(9 * weight.shape[2]))

    def enlarged(x: Tensor, name: str, r: int) -> Tensor:
        if r < fused_from:
            x = tf.correlated(x.repeat_interleave(2, 2).repeat_interleave(2, 3), scaled(name))
        else:
            kernel = F.pad(scaled(name).permute(2, 3, 0, 1), (1, 1, 1, 1))
            kernel = kernel[..., 1:, 1:] + kernel[..., :-1, 1:] + kernel[..., 1:, :-1] + kernel[..., :-1, :-1]
            x = F.conv_transpose2d(x, kernel, stride=2, padding=1)
        return filtered(x, [1, 2, 1], (1, 1, 1, 1))

    largest = int(log2(resolution))
    x = epilogue(v["synthesis/4x4/Const/const"].expand(len(z), -1, -1, -1), "4x4/Const", 0)
    x = epilogue(tf.correlated(x, scaled("4x4/Conv")), "4x4/Conv", 1)
    for res in range(3, largest + 1):
        r = f"{2**res}x{2**res}"
        x = epilogue(enlarged(x, f"{r}/Conv0_up", 2**res), f"{r}/Conv0_up", 2 * res - 4)
        x = epilogue(tf.correlated(x, scaled(f"{r}/Conv1")), f"{r}/Conv1", 2 * res - 3)
    colours = v["synthesis/ToRGB_lod0/weight"]
    image = tf.correlated(x, colours / sqrt(colours.shape[2]))
    return image + v["synthesis/ToRGB_lod0/bias"][:, None, None]
