"""The networks of a run: which classes an architecture has, and how they stand in a weights file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from forensics.core.errors import ForensicsError
from forensics.core.registry import method
from forensics.generators.base import Generator
from forensics.generators.checkpoints import NetworkState
from forensics.generators.checkpoints.building import is_known
from forensics.generators.training.losses.jitter import drawn_views, inner_face, viewed
from forensics.generators.training.options import TrainingOptions

if TYPE_CHECKING:
    from forensics.corpus.photographs.data import TrainingImages
    from forensics.generators.training.losses.anchors import Anchors
    from forensics.generators.training.losses.matching import FeatureMatching
    from forensics.generators.training.losses.persons import Persons
    from forensics.generators.training.losses.projected import ProjectedDiscriminator
    from forensics.generators.training.losses.truncation import KeptPersons
    from forensics.generators.training.ranks import Ranks


def is_trainable(kind: str) -> bool:
    """Whether networks of that kind in a weights file are generators that can be trained here."""
    return is_known(kind) and bool(getattr(method("architecture", kind).target, "discriminator", ""))


def generator_class(architecture: str) -> type[Generator]:
    """The generator of that name in the registry."""
    found: type[Generator] = method("architecture", architecture).target
    return found


def make_generator(options: TrainingOptions) -> Generator:
    """A generator with fresh weights from torch's random stream."""
    return generator_class(options.architecture).trained_class()(**options.generator_config())


def make_discriminator(options: TrainingOptions) -> nn.Module:
    """A discriminator with fresh weights from torch's random stream."""
    name = generator_class(options.architecture).discriminator
    discriminator: nn.Module = method("architecture", name).target(**options.discriminator_config())
    return discriminator


def make_projected(options: TrainingOptions, device: torch.device) -> ProjectedDiscriminator | None:
    """The discriminator over fixed features, where the options ask for one."""
    if not options.projected_side:
        return None
    from forensics.generators.training.losses.projected import ProjectedDiscriminator

    judges = ProjectedDiscriminator(
        options.projected_side, options.seed, inner=options.projected_inner, faces=options.projected_faces
    )
    return judges.to(device)


def make_matching(
    options: TrainingOptions,
    projected: ProjectedDiscriminator | None,
    descriptor: Persons | None,
    images: TrainingImages,
    device: torch.device,
    ranks: Ranks,
) -> dict[str, FeatureMatching]:
    """The distances of features to those of the training images that the options give a weight, by its name."""
    from forensics.generators.training.losses.matching import FeatureMatching

    extractors: dict[str, Callable[[Tensor], Tensor]] = {}
    if options.matching_weight and projected is not None:
        extractors["matching"] = projected.pooled
    if options.inner_weight and projected is not None:
        extractors["inner"] = lambda seen: projected.pooled(inner_face(seen))
    if options.identity_weight and descriptor is not None:
        # The photographs' views come from the stream that the seed has just set: the same at every start of a run.
        extractors["identity"] = lambda seen: descriptor(viewed(seen, drawn_views(len(seen), device)))
    return {
        name: FeatureMatching(extract, images, device, mirror=options.mirror, ranks=ranks)
        for name, extract in extractors.items()
    }


def make_kept(
    options: TrainingOptions, descriptor: Persons | None, matching: Mapping[str, FeatureMatching]
) -> KeptPersons | None:
    """How far persons stray in truncation, where the options give it a weight."""
    if not options.truncation_weight or descriptor is None:
        return None
    from forensics.generators.training.losses.truncation import KeptPersons

    return KeptPersons(descriptor, matching["identity"])


def make_descriptor(options: TrainingOptions, device: torch.device) -> Persons | None:
    """What tells persons apart, where the options have a use for it."""
    if not (options.identity_weight or options.anchor_identity):
        return None
    from forensics.generators.training.losses.persons import Persons

    return Persons(options.descriptors).to(device)


def make_anchors(
    options: TrainingOptions,
    projected: ProjectedDiscriminator | None,
    descriptor: Persons | None,
    images: TrainingImages,
    ranks: Ranks,
) -> Anchors | None:
    """Latents that stand for the training images, where the options give their reconstruction a weight."""
    if not options.anchor_weight or projected is None:
        return None
    from forensics.generators.training.losses.anchors import Anchors

    try:
        return Anchors(
            projected, images, options.z_dim, mirror=options.mirror,
            descriptor=descriptor if options.anchor_identity else None,
            descriptor_weight=options.anchor_identity, inner=options.inner_weight > 0, ranks=ranks,
        )  # fmt: skip
    except ValueError as error:
        raise ForensicsError(f"{error}; give more images, or set anchor_weight to 0") from error


def network_states(
    options: TrainingOptions, trained: nn.Module, averaged: nn.Module, discriminator: nn.Module
) -> dict[str, NetworkState]:
    """What a weights file of this moment holds: the averaged generator and the discriminator."""
    cls = generator_class(options.architecture)
    states = cls.saved_states(trained, averaged)
    networks = {
        name: NetworkState(cls.kind, options.generator_config(), dict(state))
        for name, state in states.items()
    }
    d_state = NetworkState(cls.discriminator, options.discriminator_config(), discriminator.state_dict())
    return {**networks, "D": d_state}
