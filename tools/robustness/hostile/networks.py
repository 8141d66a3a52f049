"""Whole networks that fit their architecture and hold what no trained one does: a function a kind, as in `weights`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save

from tools.robustness.hostile.weights import WEIGHTS, Writer, kind

__all__ = ["WEIGHTS", "network"]

_CONFIG: Final = {
    "z_dim": 16, "c_dim": 0, "w_dim": 16, "img_resolution": 16, "img_channels": 3, "channel_base": 128,
    "channel_max": 16, "num_mapping_layers": 2,
}  # fmt: skip
Change = Callable[[str, torch.Tensor], torch.Tensor]


def network(change: Change, config: dict[str, object] | None = None) -> bytes:
    """A StyleGAN2 of 16 px in this project's format, each tensor [..] of any dtype changed by its name."""
    from forensics.generators.architectures.stylegan2 import StyleGAN2Generator

    torch.manual_seed(0)
    state = StyleGAN2Generator(**_CONFIG).state_dict()
    tensors = {f"G_ema/{name}": change(name, value).contiguous() for name, value in state.items()}
    networks = {"G_ema": {"kind": "stylegan2", "config": {**_CONFIG, **(config or {})}}}
    text = json.dumps({"format_version": 1, "networks": networks, "card": {}})
    data: bytes = save(tensors, metadata={"forensics": text})
    return data


def _entered(name: str, what: str, change: Change) -> Writer:
    def write(path: Path) -> None:
        path.write_bytes(network(change))

    write.__name__, write.__doc__ = name, what
    return kind(write)


def _only(part: str, value: float) -> Change:
    """Fill the tensors whose names hold `part`."""
    return lambda name, tensor: torch.full_like(tensor, value) if part in name else tensor


def _first(value: float, dtype: torch.dtype) -> Change:
    """One value in each tensor of more than one dimension, stored as `dtype`."""

    def change(name: str, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.ndim < 2:
            return tensor
        stored = tensor.to(dtype)
        stored.view(-1)[0] = value
        return stored

    return change


_entered("w_avg_of_3e38", "A finite w_avg of 3e38.", _only("w_avg", 3e38))
_entered("weights_of_1e30", "Finite weights of 1e30.", _only("weight", 1e30))
_entered("noise_strength_of_1e20", "Noise of a strength of 1e20.", _only("noise_strength", 1e20))
_entered("bias_of_minus_1e38", "A bias of -1e38.", _only("bias", -1e38))
_entered("nan_in_half_precision", "NaN among float16.", _first(float("nan"), torch.float16))
_entered("infinity_in_bfloat16", "Infinity among bfloat16.", _first(float("inf"), torch.bfloat16))
_entered("doubles_beyond_float32", "1e300 among float64.", _first(1e300, torch.float64))
_entered("integer_network", "All tensors int64.", lambda name, tensor: tensor.to(torch.int64))
_entered("boolean_weights", "All tensors bool.", lambda name, tensor: tensor.to(torch.bool))
_entered("bytes_for_weights", "All tensors uint8.", lambda name, tensor: tensor.to(torch.uint8))
_entered(
    "one_integer_layer", "One layer of int32.", lambda name, t: t.int() if "b8.conv0.weight" in name else t
)


@kind
def resolution_that_is_no_power_of_two(path: Path) -> None:
    """A whole network whose configuration asks for 17 px."""
    path.write_bytes(network(lambda name, tensor: tensor, {"img_resolution": 17}))


@kind
def resolution_of_true(path: Path) -> None:
    """One whose configuration asks for `true` px."""
    path.write_bytes(network(lambda name, tensor: tensor, {"img_resolution": True}))


@kind
def resolution_of_text(path: Path) -> None:
    """One whose configuration asks for "16" px."""
    path.write_bytes(network(lambda name, tensor: tensor, {"img_resolution": "16"}))


@kind
def a_configuration_of_a_thousand_names(path: Path) -> None:
    """One whose configuration has a thousand names too many."""
    path.write_bytes(network(lambda name, tensor: tensor, {f"name{i}": i for i in range(1000)}))
