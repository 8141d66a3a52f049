"""Structured pruning: whole channels taken out of the synthesis, so that what is left is a smaller network.

A channel is one feature map between two layers. Taking it out drops one output of the layer that makes it, and one
input (with its style) of every layer that reads it; the images equal those of the whole network with these inputs set
to zero. All widths shrink by the same share, so that a network of the same class, with smaller numbers in its config,
holds what is left: any program that reads the file format reads it.

The order in which channels go (each layer has its own): by what share of the weights of the layers that read it are its
own ("norm"; after Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017, read at the inputs, as demodulation
takes every output to the same norm), the same with each input scaled by the mean square of its style over random
latents ("style"), or at random ("random", the control).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.generators.architectures.layers.srcnet import widths
from forensics.generators.architectures.stylegan2 import channels_at
from forensics.generators.base import Generator
from forensics.generators.checkpoints.checkpoint import NetworkState
from forensics.generators.checkpoints.formats.widths import channel_base_and_max

RANKINGS = ("style", "norm", "random")
_STYLE_SAMPLES = 2000


@dataclass(frozen=True)
class Reader:
    """A layer that reads a group of channels: along `axis` of the tensor `weight`. `styles` are the tensors that make
    the channels' scales (along their first axis), `style` its name among `Generator.style_sizes`; a layer without
    modulation has neither. `gained`: it divides its weights by the square root of how many inputs it has."""

    weight: str
    axis: int
    style: str = ""
    styles: tuple[str, ...] = ()
    gained: bool = False


@dataclass(frozen=True)
class ChannelGroup:
    """The channels that one layer makes: along which axis of which tensors, and who reads them."""

    name: str
    outputs: tuple[tuple[str, int], ...]
    readers: tuple[Reader, ...]

    def width(self, state: Mapping[str, Tensor]) -> int:
        """How many channels there are."""
        key, axis = self.outputs[0]
        return state[key].shape[axis]


def channel_groups(network: NetworkState) -> list[ChannelGroup]:
    """The groups of channels of a StyleGAN2 or SrcNet generator. ForensicsError for another kind."""
    if network.kind == "stylegan2":
        return _stylegan2_groups(network.state)
    if network.kind == "srcnet":
        return _srcnet_groups(network.state, "Src_Net.")
    raise ForensicsError(f"channels are pruned in StyleGAN2 and SrcNet generators, not in a {network.kind}")


def can_lose_channels(network: NetworkState) -> bool:
    """Whether `channel_groups` knows this kind of network."""
    return network.kind in ("stylegan2", "srcnet")


def _stylegan2_groups(state: Mapping[str, Tensor]) -> list[ChannelGroup]:
    def reader(layer: str) -> Reader:
        path = f"synthesis.{layer}"
        affine = (f"{path}.affine.weight", f"{path}.affine.bias")
        return Reader(f"{path}.weight", 1, layer, affine, gained=layer.endswith("torgb"))

    def outputs(layer: str) -> tuple[tuple[str, int], ...]:
        keys = [f"synthesis.{layer}.weight", f"synthesis.{layer}.bias"]
        return tuple((key, 0) for key in keys if key in state)

    blocks = _stylegan2_resolutions(state)
    groups = [ChannelGroup("b4.const", (("synthesis.b4.const", 0),), (reader("b4.conv1"),))]
    for r in blocks:
        if r > 4:
            groups.append(ChannelGroup(f"b{r}.conv0", outputs(f"b{r}.conv0"), (reader(f"b{r}.conv1"),)))
        layers = [f"b{r}.torgb", f"b{2 * r}.conv0"]
        readers = [reader(name) for name in layers if f"synthesis.{name}.weight" in state]
        if f"synthesis.b{2 * r}.skip.weight" in state:
            readers.append(Reader(f"synthesis.b{2 * r}.skip.weight", 1, gained=True))
        # A residual block adds its skip to its second convolution: the two make the same channels.
        groups.append(
            ChannelGroup(f"b{r}.conv1", outputs(f"b{r}.conv1") + outputs(f"b{r}.skip"), tuple(readers))
        )
    return groups


def _stylegan2_resolutions(state: Mapping[str, Tensor]) -> list[int]:
    resolutions: list[int] = []
    while f"synthesis.b{4 << len(resolutions)}.conv1.weight" in state:
        resolutions.append(4 << len(resolutions))
    return resolutions


def _srcnet_groups(state: Mapping[str, Tensor], prefix: str) -> list[ChannelGroup]:
    def reader(layer: str, axis: int) -> Reader:
        path = prefix + layer
        styles = (f"{path}.style.weight_orig", f"{path}.style.bias")
        return Reader(f"{path}.weight_orig", axis, layer, styles, gained=True)

    def outputs(layer: str, axis: int) -> tuple[tuple[str, int], ...]:
        return (f"{prefix}{layer}.weight_orig", axis), (f"{prefix}{layer}.bias", 0)

    groups = [ChannelGroup("const", ((f"{prefix}const", 0),), (reader("0.upconv", 0),))]
    for i in range(_srcnet_blocks(state)):
        # A transposed convolution is stored with its inputs first.
        groups.append(ChannelGroup(f"{i}.upconv", outputs(f"{i}.upconv", 1), (reader(f"{i}.conv", 1),)))
        readers = [reader(f"{i}.to_channels", 1)]
        if f"{prefix}{i + 1}.upconv.weight_orig" in state:
            readers.append(reader(f"{i + 1}.upconv", 0))
        groups.append(ChannelGroup(f"{i}.conv", outputs(f"{i}.conv", 0), tuple(readers)))
    return groups


def _srcnet_blocks(state: Mapping[str, Tensor]) -> int:
    count = 0
    while f"{count}.upconv.weight_orig" in state:
        count += 1
    return count


@dataclass(frozen=True)
class ChannelSelection:
    """Which channels of each group stay (ascending, by name of the group) in a network of this `config`."""

    config: Mapping[str, object]
    channels: Mapping[str, Tensor]


def select_channels(
    network: NetworkState, generator: Generator, share: float, ranking: str
) -> ChannelSelection:
    """The channels that stay when `share` of every width goes, least important first; `generator` is the built network.

    Raises ForensicsError for a share outside [0, 1), an unknown ranking, or where a layer would be left with none.
    """
    if not 0 <= share < 1:
        raise ForensicsError(f"{share:g} of the channels: give a share from 0 to below 1")
    if ranking not in RANKINGS:
        raise ForensicsError(f"--ranking is {', '.join(RANKINGS)}, not {ranking!r}")
    groups = channel_groups(network)
    config, left = _shrunk(network, groups, share)
    squares = mean_square_styles(generator) if ranking == "style" else {}
    chosen = {}
    for number, group in enumerate(groups):
        if ranking == "random":
            draw = np.random.default_rng([number, group.width(network.state)])
            worth = torch.from_numpy(draw.permutation(group.width(network.state)))
        else:
            worth = importance(network.state, group, squares)
        best = torch.argsort(worth, descending=True, stable=True)[: left[group.name]]
        chosen[group.name] = best.sort().values
    return ChannelSelection(config, chosen)


def _shrunk(
    network: NetworkState, groups: list[ChannelGroup], share: float
) -> tuple[dict[str, object], dict[str, int]]:
    """The config with every width less `share`, and the width of each group in it."""
    keep = 1 - share
    if network.kind == "srcnet":
        first, last = (groups[i].width(network.state) for i in (0, -1))
        config = {"channel_max": round(first * keep), "channel_min": round(last * keep)}
        maps = widths(config["channel_max"], config["channel_min"], len(groups) // 2)
        middles = [(a + b) // 2 for a, b in pairwise(maps)]
        left = [maps[0], *(n for pair in zip(middles, maps[1:], strict=True) for n in pair)]
    else:
        known = {int(g.name[1:].split(".")[0]): g.width(network.state) for g in groups}
        base, largest = channel_base_and_max(network.source, known, network.config)
        config = {"channel_base": round(base * keep), "channel_max": round(largest * keep)}
        left = [
            channels_at(int(g.name[1:].split(".")[0]), config["channel_base"], config["channel_max"])
            for g in groups
        ]
    if min(left) < 1:
        raise ForensicsError(f"{share:g} of the channels leaves a layer without any; take fewer")
    return network.config | config, {g.name: n for g, n in zip(groups, left, strict=True)}


def importance(state: Mapping[str, Tensor], group: ChannelGroup, squares: Mapping[str, Tensor]) -> Tensor:
    """What share of the energy of the weights that read them the channels of `group` carry: float64 [width], summed
    over the layers that read them. `squares`: factors on the energy by name of the layer, [width]; missing: 1."""
    total = torch.zeros(group.width(state), dtype=torch.float64)
    for reader in group.readers:
        weight = state[reader.weight].double()
        energy = weight.square().sum(dim=[d for d in range(weight.ndim) if d != reader.axis])
        energy = energy * squares.get(reader.style, torch.ones(1)).double()
        total += energy / energy.sum().clamp_min(1e-30)
    return total


@torch.inference_mode()
def mean_square_styles(generator: Generator) -> dict[str, Tensor]:
    """Mean square of every layer's styles over 2,000 random latents: float64 [channels] by name of the layer."""
    z = generator.sample_z(_STYLE_SAMPLES, seed=1)
    c = None
    if generator.c_dim:
        c = torch.eye(generator.c_dim, device=z.device)[torch.arange(len(z)) % generator.c_dim]
    styles = generator.layer_styles(generator.map(z, c))
    means = (style.double().square().mean(dim=0).cpu() for style in styles)
    return dict(zip(generator.style_sizes, means, strict=True))


def narrow(network: NetworkState, selection: ChannelSelection) -> NetworkState:
    """The smaller network as data: only the channels of `selection`, in a config of the same class."""
    state = dict(network.state)
    for groups in _every_copy(network):
        for group in groups:
            index = selection.channels[group.name]
            for reader in group.readers:
                before = state[reader.weight].shape[reader.axis]
                taken = state[reader.weight].index_select(reader.axis, index)
                state[reader.weight] = (
                    taken * math.sqrt(len(index) / before) if reader.gained else taken
                )  # its gain grows as its inputs get fewer: the product stays
                state |= {key: state[key].index_select(0, index) for key in reader.styles}
            for key, axis in group.outputs:
                state[key] = state[key].index_select(axis, index)
    return replace(
        network, config=dict(selection.config), state={k: v.contiguous() for k, v in state.items()}
    )


def _every_copy(network: NetworkState) -> list[list[ChannelGroup]]:
    """SrcNet holds the network twice, as trained and averaged; both lose the same channels."""
    copies = [channel_groups(network)]
    return [*copies, _srcnet_groups(network.state, "")] if network.kind == "srcnet" else copies
