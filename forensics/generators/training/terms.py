"""The terms of the generator's loss beside the adversarial one, as the options of a run ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import nn

from forensics.core.errors import ForensicsError
from forensics.generators.training.options import TrainingOptions
from forensics.generators.training.ranks import Ranks

if TYPE_CHECKING:
    from forensics.corpus.photographs.data import TrainingImages
    from forensics.generators.training.losses.energy_distance import EnergyDistance
    from forensics.generators.training.losses.fixed_features import Lite0Features
    from forensics.generators.training.losses.glo import LatentCodes
    from forensics.generators.training.losses.identity import FaceDescriptors
    from forensics.generators.training.losses.projected import ProjectedDiscriminator


@dataclass(frozen=True)
class GeneratorTerms:
    """What the generator learns from beside the adversarial loss; weights are those of `LossOptions`.

    `distances` by the names of their weights without `_weight`: matching, identity.
    """

    projected: ProjectedDiscriminator | None = None
    distances: Mapping[str, EnergyDistance] = field(default_factory=dict)
    codes: LatentCodes | None = None

    def modules(self) -> list[tuple[str, nn.Module]]:
        """Those with state that a run carries, each by its name in the state's file."""
        named: list[tuple[str, nn.Module | None]] = [("P", self.projected), *self.distances.items()]
        named.append(("glo", self.codes))
        return [(name, module) for name, module in named if module is not None]


def make_terms(
    options: TrainingOptions, images: TrainingImages, device: torch.device, ranks: Ranks
) -> GeneratorTerms:
    """The terms that have a weight at the beginning or in a phase. Raises `ForensicsError` for too few images."""
    return _Making(options, images, device, ranks).terms()


@dataclass
class _Making:
    """The terms in the making: networks that several of them use are loaded once."""

    options: TrainingOptions
    images: TrainingImages
    device: torch.device
    ranks: Ranks

    def terms(self) -> GeneratorTerms:
        return GeneratorTerms(self._projected(), self._distances(), self._codes())

    @cached_property
    def features(self) -> Lite0Features | None:
        side = self.options.losses.projected_side
        if not side:
            return None
        from forensics.generators.training.losses.fixed_features import Lite0Features

        return Lite0Features(side, self.device)

    @cached_property
    def descriptors(self) -> FaceDescriptors | None:
        if not (self.options.ever("identity_weight") or self.options.losses.glo_identity_weight):
            return None
        from forensics.generators.training.losses.identity import FaceDescriptors

        return FaceDescriptors(self.options.losses.identity_networks).to(self.device)

    def _projected(self) -> ProjectedDiscriminator | None:
        if self.features is None:
            return None
        from forensics.generators.training.losses.projected import ProjectedDiscriminator

        aided = self.options.losses.vision_aided
        return ProjectedDiscriminator(self.features, self.options.seed, vision_aided=aided).to(self.device)

    def _distances(self) -> dict[str, EnergyDistance]:
        from forensics.generators.training.losses.energy_distance import EnergyDistance
        from forensics.generators.training.losses.identity import IdentityDistance

        mirror = self.options.images.mirror
        distances: dict[str, EnergyDistance] = {}
        if self.options.ever("matching_weight") and self.features is not None:
            distances["matching"] = EnergyDistance(
                self.features.pooled, self.images, self.device, mirror=mirror, ranks=self.ranks
            )
        if self.options.ever("identity_weight") and self.descriptors is not None:
            distances["identity"] = IdentityDistance(
                self.descriptors, self.images, self.device, mirror=mirror, ranks=self.ranks
            )
        return distances

    def _codes(self) -> LatentCodes | None:
        if self.features is None or not self.options.ever("glo_weight"):
            return None
        from forensics.generators.training.losses.glo import Identity, LatentCodes

        weight = self.options.losses.glo_identity_weight
        identity = Identity(self.descriptors, weight) if weight and self.descriptors is not None else None
        try:
            return LatentCodes(
                self.features, self.images, self.options.network.z_dim, mirror=self.options.images.mirror,
                identity=identity, ranks=self.ranks,
            )  # fmt: skip
        except ValueError as error:
            raise ForensicsError(f"{error}; give more images, or set glo_weight to 0") from error
