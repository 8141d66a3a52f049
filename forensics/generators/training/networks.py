"""The networks of a run, by their names in the registry, and how they stand in a weights file."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from forensics.core.registry import method
from forensics.generators.base import Generator
from forensics.generators.checkpoints import NetworkState
from forensics.generators.checkpoints.building import is_known
from forensics.generators.training.options import TrainingOptions


def is_trainable(kind: str) -> bool:
    """Whether networks of that kind in a weights file are generators that can be trained here."""
    return is_known(kind) and bool(getattr(method("architecture", kind).target, "discriminator", ""))


def generator_class(architecture: str) -> type[Generator]:
    """The generator of that name in the registry."""
    found: type[Generator] = method("architecture", architecture).target
    return found


def make_generator(options: TrainingOptions) -> Generator:
    """A generator with fresh weights from torch's random stream."""
    made_by: Callable[..., Generator] = generator_class(options.network.architecture).trained_class()
    return made_by(**options.network.generator_config())


def make_discriminator(options: TrainingOptions) -> nn.Module:
    """A discriminator with fresh weights from torch's random stream."""
    name = generator_class(options.network.architecture).discriminator
    discriminator: nn.Module = method("architecture", name).target(**options.network.discriminator_config())
    return discriminator


def network_states(
    options: TrainingOptions, trained: nn.Module, averaged: nn.Module, discriminator: nn.Module
) -> dict[str, NetworkState]:
    """What a weights file of this moment holds: the averaged generator and the discriminator."""
    cls = generator_class(options.network.architecture)
    states = cls.saved_states(trained, averaged)
    networks = {
        name: NetworkState(cls.kind, options.network.generator_config(), dict(state))
        for name, state in states.items()
    }
    d_state = NetworkState(
        cls.discriminator, options.network.discriminator_config(), discriminator.state_dict()
    )
    return {**networks, "D": d_state}
