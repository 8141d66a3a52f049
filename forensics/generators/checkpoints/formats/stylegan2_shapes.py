"""Which StyleGAN2 network a state dict belongs to, read from the names and shapes of its tensors alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch

from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints.checkpoint import Plain
from forensics.generators.checkpoints.formats.widths import channel_base_and_max

State = Mapping[str, torch.Tensor]


def count_numbered(state: State, pattern: str) -> int:
    """How many of 0, 1, 2, ... occur where `pattern` has its group."""
    found = {int(match[1]) for key in state if (match := re.fullmatch(pattern, key))}
    return len(found) if found == set(range(len(found))) else 0


def need(source: str, state: State, key: str, dimensions: int) -> tuple[int, ...]:
    """The shape of `key`, which must be there with that many dimensions."""
    tensor = state.get(key)
    if tensor is None or tensor.ndim != dimensions or 0 in tensor.shape:
        shape = "missing" if tensor is None else f"of shape {list(tensor.shape)}"
        raise CheckpointError(f"{source}: {key} is {shape}; the network cannot be told from its weights")
    return tuple(tensor.shape)


def generator_config(source: str, state: State, claimed: Mapping[str, Any] | None = None) -> Plain:
    """Constructor arguments of StyleGAN2Generator, except what leaves no trace in shapes (conv_clamp)."""
    resolutions = _resolutions(source, state, r"synthesis\.b(\d{1,5})\.conv1\.weight")
    widths = {r: need(source, state, f"synthesis.b{r}.conv1.weight", 4)[0] for r in resolutions}
    base, largest = channel_base_and_max(source, widths, claimed)
    last, first = resolutions[-1], resolutions[0]
    architecture = "skip" if f"synthesis.b{first}.torgb.weight" in state else "orig"
    if f"synthesis.b{last}.skip.weight" in state:
        architecture = "resnet"
    conditional = "mapping.embed.weight" in state
    embedded, c_dim = need(source, state, "mapping.embed.weight", 2) if conditional else (0, 0)
    return {
        "z_dim": need(source, state, "mapping.fc0.weight", 2)[1] - embedded,
        "c_dim": c_dim,
        "w_dim": need(source, state, f"synthesis.b{first}.conv1.affine.weight", 2)[1],
        "img_resolution": last,
        "img_channels": need(source, state, f"synthesis.b{last}.torgb.weight", 4)[0],
        "channel_base": base,
        "channel_max": largest,
        "num_mapping_layers": count_numbered(state, r"mapping\.fc(\d{1,3})\.weight"),
        "architecture": architecture,
    }


def discriminator_config(source: str, state: State, claimed: Mapping[str, Any] | None = None) -> Plain:
    """Constructor arguments of StyleGAN2Discriminator, except conv_clamp and the minibatch group size."""
    resolutions = _resolutions(source, state, r"b(\d{1,5})\.conv1\.weight")
    widths = {r: need(source, state, f"b{r}.conv0.weight", 4)[0] for r in resolutions}
    widths[4], with_std = need(source, state, "b4.conv.weight", 4)[:2]
    base, largest = channel_base_and_max(source, widths, claimed)
    last = resolutions[-1]
    architecture = "skip" if "b4.fromrgb.weight" in state else "orig"
    if f"b{last}.skip.weight" in state:
        architecture = "resnet"
    config = {
        "c_dim": 0,
        "img_resolution": last,
        "img_channels": need(source, state, f"b{last}.fromrgb.weight", 4)[1],
        "channel_base": base,
        "channel_max": largest,
        "architecture": architecture,
        "mbstd_num_channels": with_std - widths[4],
    }
    if "mapping.embed.weight" in state:
        config["c_dim"] = need(source, state, "mapping.embed.weight", 2)[1]
        config["cmap_dim"] = need(source, state, "b4.out.weight", 2)[0]
        config["num_mapping_layers"] = count_numbered(state, r"mapping\.fc(\d{1,3})\.weight")
    return config


def _resolutions(source: str, state: State, pattern: str) -> list[int]:
    found = sorted({int(match[1]) for key in state if (match := re.fullmatch(pattern, key))})
    if not found or any(b != 2 * a for a, b in pairwise(found)) or found[0] not in (4, 8):
        raise CheckpointError(
            f"{source}: blocks at resolutions {found[:16]}; this reads doubling ones that begin at 4"
        )
    return found
