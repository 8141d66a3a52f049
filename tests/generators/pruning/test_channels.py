"""Channels taken out: the smaller network makes the images of the masked one, and its file loads."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from forensics.core.errors import ForensicsError
from forensics.generators.architectures.srcnet import SrcNetGenerator
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.base import Generator
from forensics.generators.checkpoints import build
from forensics.generators.checkpoints.checkpoint import NetworkState
from forensics.generators.pruning.channels import (
    RANKINGS,
    ChannelSelection,
    _every_copy,
    channel_groups,
    importance,
    narrow,
    select_channels,
)


def stylegan2(architecture: str = "skip", **more: Any) -> NetworkState:
    config = {
        "z_dim": 8,
        "w_dim": 8,
        "img_resolution": 16,
        "channel_base": 256,
        "channel_max": 24,
        "num_mapping_layers": 2,
        "architecture": architecture,
        **more,
    }
    return as_data("stylegan2", StyleGAN2Generator(**config), config)


def srcnet() -> NetworkState:
    config = {
        "z_dim": 16,
        "img_resolution": 16,
        "num_mapping_layers": 2,
        "num_blocks": 2,
        "channel_max": 21,
        "channel_min": 8,
    }
    return as_data("srcnet", SrcNetGenerator(**config), config)


def as_data(kind: str, module: nn.Module, config: dict[str, Any]) -> NetworkState:
    generator = torch.Generator().manual_seed(3)
    state = {
        # biases and noise that are not zero: they must go with their channels
        key: value + 0.3 * torch.randn(value.shape, generator=generator)
        for key, value in module.state_dict().items()
        if "resample_filter" not in key
    }
    filters = {key: value for key, value in module.state_dict().items() if "resample_filter" in key}
    return NetworkState(kind, config, state | filters)


def masked(network: NetworkState, kept: ChannelSelection) -> NetworkState:
    """The whole network, the inputs of what goes set to zero wherever they are read."""
    state = {key: value.clone() for key, value in network.state.items()}
    for groups in _every_copy(network):
        for group in groups:
            gone = torch.ones(group.width(network.state), dtype=torch.bool)
            gone[kept.channels[group.name]] = False
            for reader in group.readers:
                state[reader.weight].transpose(0, reader.axis)[gone] = 0
    return NetworkState(network.kind, network.config, state)


def images(network: NetworkState) -> torch.Tensor:
    generator = build(network)
    assert isinstance(generator, Generator)
    generator.requires_grad_(False).lay_out()
    z = generator.sample_z(3)
    c = torch.eye(generator.c_dim)[:3] if generator.c_dim else None
    return generator.synthesize(generator.map(z, c))


NETWORKS = {
    "skip": lambda: stylegan2(),
    "resnet": lambda: stylegan2("resnet", conv_clamp=2.0),
    "orig": lambda: stylegan2("orig", c_dim=3),
    "srcnet": srcnet,
}


@pytest.mark.parametrize("ranking", RANKINGS)
@pytest.mark.parametrize("kind", NETWORKS)
def test_the_smaller_network_makes_the_images_of_the_masked_one(kind: str, ranking: str) -> None:
    network = NETWORKS[kind]()
    generator = build(network)
    assert isinstance(generator, Generator)
    kept = select_channels(network, generator, 0.3, ranking)
    smaller, whole = narrow(network, kept), masked(network, kept)
    torch.testing.assert_close(images(smaller), images(whole), atol=1e-5, rtol=1e-5)
    assert (images(network) - images(whole)).abs().max() > 0.05  # what went was seen
    sizes = [sum(value.numel() for value in n.state.values()) for n in (smaller, network)]
    assert sizes[0] < 0.75 * sizes[1]


def test_both_copies_of_a_srcnet_lose_the_same_channels() -> None:
    network = srcnet()
    generator = build(network)
    assert isinstance(generator, Generator)
    kept = select_channels(network, generator, 0.4, "norm")
    whole, smaller = build(masked(network, kept)), build(narrow(network, kept))
    assert isinstance(whole, SrcNetGenerator)
    assert isinstance(smaller, SrcNetGenerator)
    whole.use_average = smaller.use_average = False
    z = whole.sample_z(2)
    torch.testing.assert_close(
        smaller.synthesize(smaller.map(z)), whole.synthesize(whole.map(z)), atol=1e-5, rtol=1e-5
    )


def test_rankings_by_hand() -> None:
    network = stylegan2()
    generator = build(network)
    assert isinstance(generator, Generator)
    group = next(g for g in channel_groups(network) if g.name == "b8.conv1")
    assert [r.style for r in group.readers] == ["b8.torgb", "b16.conv0"]
    for reader in group.readers:
        network.state[reader.weight][:, [2, 5]] *= 100
        network.state[reader.weight][:, 7] = 0
    kept = select_channels(network, generator, 0.9, "norm").channels["b8.conv1"]
    assert kept.tolist() == [2, 5]
    worth = importance(network.state, group, {})
    assert worth.sum() == pytest.approx(2)  # two layers read it, each gives shares of 1
    assert worth[7] == 0
    squares = {r.style: torch.ones(24) for r in group.readers}
    for square in squares.values():
        square[2] = 0
    assert importance(network.state, group, squares)[2] == 0


def test_no_share_takes_nothing_and_a_share_takes_its_part_of_every_layer() -> None:
    network = stylegan2()
    generator = build(network)
    assert isinstance(generator, Generator)
    same = narrow(network, select_channels(network, generator, 0.0, "style"))
    assert same.config == network.config
    assert all(torch.equal(value, network.state[key]) for key, value in same.state.items())
    half = select_channels(network, generator, 0.5, "style")
    assert {name: len(index) for name, index in half.channels.items()} == {
        "b4.const": 12,
        "b4.conv1": 12,
        "b8.conv0": 12,
        "b8.conv1": 12,
        "b16.conv0": 8,
        "b16.conv1": 8,
    }
    for share, ranking, words in (
        (1.0, "norm", "below 1"),
        (0.99, "norm", "without any"),
        (0.5, "x", "style, norm"),
    ):
        with pytest.raises(ForensicsError, match=words):
            select_channels(network, generator, share, ranking)
    with pytest.raises(ForensicsError, match="stylegan3"):
        channel_groups(NetworkState("stylegan3", {}, {}))
