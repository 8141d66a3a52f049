"""What every registered architecture keeps, generator or discriminator: the entry is whole and the network runs."""

from __future__ import annotations

import pytest
import torch

from forensics.core.registry import Method, method, methods
from forensics.generators.base import Generator
from tests.generators.checkpoints.test_building import CONFIGS, output

ENTRIES = [pytest.param(entry, id=entry.name) for entry in methods("architecture")]


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_architecture_makes_images_or_judges_them(entry: Method) -> None:
    torch.manual_seed(1)
    network = entry.target(**CONFIGS[entry.name]).eval()
    made = output(network)
    assert made.dtype == torch.float32
    if not isinstance(network, Generator):
        assert made.shape == (2, 1)
        return
    assert made.shape == (2, 3, network.img_resolution, network.img_resolution)
    assert network.kind == entry.name
    assert str(network).startswith(f"<{entry.name}, {network.img_resolution} px, ")


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_generator_names_a_discriminator_that_is_registered(entry: Method) -> None:
    if not issubclass(entry.target, Generator):
        assert any(getattr(one.target, "discriminator", "") == entry.name for one in methods("architecture"))
    elif entry.target.discriminator:
        assert not issubclass(method("architecture", entry.target.discriminator).target, Generator)
        assert issubclass(entry.target.trained_class(), Generator)


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_card_says_where_it_is_published(entry: Method) -> None:
    assert entry.card.paper or entry.name.startswith("srcnet")
