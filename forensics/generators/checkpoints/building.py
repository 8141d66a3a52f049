"""From a network as data to the module that computes it, with exactly those weights."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from forensics.core.errors import CheckpointError, ForensicsError
from forensics.core.registry import method, methods
from forensics.generators.checkpoints.checkpoint import NetworkState, listed, quoted

# A config comes from a file too: these bound the work of a constructor. The rest is compared with the tensors.
_LARGEST = {
    "img_resolution": 8192,
    "img_channels": 64,
    "num_layers": 64,
    "num_mapping_layers": 64,
    "num_blocks": 12,
    "num_critical": 64,
    "margin_size": 256,
    "filter_size": 64,
    "lrelu_upsampling": 16,
    "conv_kernel": 15,
}
_LARGEST_OTHER = 1 << 24
_KIND = re.compile(r"[a-z0-9]{1,40}(-[a-z0-9]{1,40}){0,4}")


# How constructors make parameters, whose size a config decides, and what they scale them by.
_FACTORIES = (torch.randn, torch.rand, torch.zeros, torch.ones, torch.empty, torch.full)
_SCALINGS = (torch.Tensor.mul, torch.Tensor.div, torch.Tensor.__mul__, torch.Tensor.__truediv__)
_SMALL = 4096


class _OnMeta(TorchFunctionMode):
    """Puts large tensors that these factories make on the meta device, unfilled; small ones are zeros on the CPU.

    `torch.device("meta")` would do, but it fills and scales by torch's Python reference code, whose import takes
    more than a second.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _FACTORIES:
            first = args[0] if args else []
            shape = tuple(first) if isinstance(first, Sequence) else args
            small = math.prod(shape) <= _SMALL
            return torch.zeros(shape) if small else torch.empty(shape, device="meta")
        if func in _SCALINGS and args[0].is_meta and isinstance(args[1], int | float):
            return args[0]
        return func(*args, **(kwargs or {}))


def build(network: NetworkState) -> nn.Module:
    """The module of `network`, float32 on the CPU in evaluation mode; its tensors are copies.

    Raises CheckpointError for an unknown kind, a config its class does not take, and for tensors that are
    missing, not known or of another shape, which it lists.
    """
    module = empty(network)
    expected = module.state_dict()
    if wrong := misfit(expected, network.state):
        raise CheckpointError(
            f"{_named(network)}the weights do not fit a {network.kind} of this config: {wrong}"
        )
    if _computes_more(module, expected):
        module = _constructed(network)
    module.load_state_dict({key: value.clone() for key, value in network.state.items()}, assign=True)
    return module.eval()


def empty(network: NetworkState) -> nn.Module:
    """The module of `network` with its large tensors on the meta device: names and shapes, no memory.

    Raises CheckpointError for an unknown kind or a config its class does not take.
    """
    if not is_known(network.kind):
        known = ", ".join(entry.name for entry in methods("architecture"))
        raise CheckpointError(
            f"{_named(network)}cannot build a network of kind {quoted(network.kind)}; known are {known}"
        )
    _check_config(network)
    with _OnMeta():
        return _constructed(network)


def is_known(kind: str) -> bool:
    """Whether an architecture of that name is registered; `kind` is what a file claims, whatever it is."""
    if not _KIND.fullmatch(kind):
        return False
    try:
        method("architecture", kind)
    except ForensicsError:
        return False
    return True


def misfit(expected: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]) -> str:
    """What is wrong with `state` for a module whose state dict is `expected`; "" where all fits."""
    shapes = [
        f"{key} {list(state[key].shape)} instead of {list(value.shape)}"
        for key, value in expected.items()
        if key in state and state[key].shape != value.shape
    ]
    types = [
        f"{key} {_type(state[key])} instead of {_type(value)}"
        for key, value in expected.items()
        if key in state and state[key].is_floating_point() != value.is_floating_point()
    ]
    found = {
        "missing": sorted(expected.keys() - state.keys()),
        "unknown": sorted(state.keys() - expected.keys()),
        "of another shape": shapes,
        "of another type": types,
    }
    return "; ".join(f"{len(names)} {what}: {listed(names)}" for what, names in found.items() if names)


def _type(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _named(network: NetworkState) -> str:
    return f"{network.source}: " if network.source else ""


def _constructed(network: NetworkState) -> nn.Module:
    cls = method("architecture", network.kind).target
    try:
        module: nn.Module = cls(**network.config)
    except (TypeError, ValueError, ArithmeticError, RuntimeError, AttributeError) as error:
        raise CheckpointError(
            f"{_named(network)}the config of this {network.kind} does not make a network: {quoted(error)}"
        ) from error
    return module


def _computes_more(module: nn.Module, expected: Mapping[str, torch.Tensor]) -> bool:
    """Whether the constructor makes tensors that no weights file fills and that may be on the meta device."""
    hidden = any(
        isinstance(value, torch.Tensor) for part in module.modules() for value in vars(part).values()
    )
    return hidden or any(name not in expected for name, _ in module.named_buffers())


def _check_config(network: NetworkState) -> None:
    for name, value in network.config.items():
        if value is None or isinstance(value, str | bool):
            continue
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise CheckpointError(
                f"{_named(network)}{quoted(name)} = {quoted(value)} in the config is not a number"
            )
        if not 0 <= value <= _LARGEST.get(name, _LARGEST_OTHER):
            raise CheckpointError(
                f"{_named(network)}{quoted(name)} = {quoted(value)} in the config is out of range"
            )
