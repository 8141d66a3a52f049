"""From a network as data to the module that computes it, with exactly those weights."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from forensics.errors import CheckpointError
from forensics.generators.checkpoints.checkpoint import NetworkState, listed, quoted

# kind -> (module under forensics.generators, class)
CLASSES = {
    "stylegan2": ("stylegan2", "StyleGAN2Generator"),
    "stylegan2-discriminator": ("stylegan2_discriminator", "StyleGAN2Discriminator"),
    "stylegan3": ("stylegan3", "StyleGAN3Generator"),
    "stylegan": ("stylegan", "StyleGANGenerator"),
    "progan": ("progan", "ProGANGenerator"),
    "srcnet": ("srcnet", "SrcNetGenerator"),
    "srcnet-discriminator": ("srcnet_discriminator", "SrcNetDiscriminator"),
}
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


def build(network: NetworkState) -> nn.Module:
    """The module of `network`, float32 on the CPU in evaluation mode; its tensors are copies.

    Raises CheckpointError for an unknown kind, a config its class does not take, and for tensors that are
    missing, not known or of another shape, which it lists.
    """
    if network.kind not in CLASSES:
        raise CheckpointError(
            f"cannot build a network of kind {quoted(network.kind)}; known are {', '.join(CLASSES)}"
        )
    _check_config(network.config)
    # On the meta device sizes cost nothing, whatever a config claims.
    with torch.device("meta"):
        module = _constructed(network)
    expected = module.state_dict()
    missing = sorted(expected.keys() - network.state.keys())
    extra = sorted(network.state.keys() - expected.keys())
    misshapen = [
        f"{key} {list(network.state[key].shape)} instead of {list(value.shape)}"
        for key, value in expected.items()
        if key in network.state and network.state[key].shape != value.shape
    ]
    found = {"missing": missing, "unknown": extra, "of another shape": misshapen}
    if missing or extra or misshapen:
        parts = "; ".join(f"{len(names)} {what}: {listed(names)}" for what, names in found.items() if names)
        raise CheckpointError(f"the weights do not fit a {network.kind} of this config: {parts}")
    if _computes_more(module, expected):
        module = _constructed(network)
    module.load_state_dict({key: value.clone() for key, value in network.state.items()}, assign=True)
    return module.eval()


def _constructed(network: NetworkState) -> nn.Module:
    module_name, class_name = CLASSES[network.kind]
    cls = getattr(importlib.import_module(f"forensics.generators.{module_name}"), class_name)
    try:
        module: nn.Module = cls(**network.config)
    except (TypeError, ValueError, ArithmeticError, RuntimeError, AttributeError) as error:
        raise CheckpointError(
            f"the config of this {network.kind} does not make a network: {quoted(error)}"
        ) from error
    return module


def _computes_more(module: nn.Module, expected: Mapping[str, torch.Tensor]) -> bool:
    """Whether the constructor makes tensors that no weights file fills, which the meta device leaves empty."""
    hidden = any(
        isinstance(value, torch.Tensor) for part in module.modules() for value in vars(part).values()
    )
    return hidden or any(name not in expected for name, _ in module.named_buffers())


def _check_config(config: Mapping[str, Any]) -> None:
    for name, value in config.items():
        if value is None or isinstance(value, str | bool):
            continue
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise CheckpointError(f"{quoted(name)} = {quoted(value)} in the config is not a number")
        if not 0 <= value <= _LARGEST.get(name, _LARGEST_OTHER):
            raise CheckpointError(f"{quoted(name)} = {quoted(value)} in the config is out of range")
