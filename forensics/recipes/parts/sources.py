"""What recipes are made of: a generator, or a folder of photographs. A recipe of either begins with one of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from forensics.core.errors import ForensicsError
from forensics.generators.base import Generator, load_generator
from forensics.generators.labels import chosen_labels
from forensics.images import ImageFailure
from forensics.recipes.contract import Recipe, RecipeInputs, Settings
from forensics.recipes.parts.photographs import Photographs


class OfGenerator(Recipe[Settings]):
    """A recipe whose images a generator makes."""

    generator: Generator

    @property
    def resolution(self) -> int:
        """Pixels a side."""
        return self.generator.img_resolution

    @property
    def device(self) -> str:
        """Where the generator is."""
        return str(self.generator.device)

    def inputs(self) -> Mapping[str, str]:
        """The generator's weights."""
        return {self.generator.source: self.generator.weights_sha256}


class OfPhotographs(Recipe[Settings]):
    """A recipe whose images are made of `photographs`, each brought to `resolution` pixels a side."""

    of_photographs: ClassVar[bool] = True

    def __init__(self, photographs: Photographs, resolution: int) -> None:
        self.photographs = photographs
        self.count = len(photographs)
        self._resolution = resolution

    @property
    def resolution(self) -> int:
        """Pixels a side."""
        return self._resolution

    @property
    def rejected(self) -> Sequence[ImageFailure]:
        """Photographs that cannot be read, or are too small."""
        return self.photographs.rejected


def network_of(inputs: RecipeInputs) -> Generator:
    """The generator that is named, with its class chosen.

    ForensicsError: a network with classes and none is named, or one that it lacks.
    """
    network = load_generator(inputs.generator, inputs.device, class_number=inputs.class_number)
    if network.c_dim:
        chosen_labels(network, 0)
    return network


def folder_of(recipe: str, inputs: RecipeInputs) -> Path:
    """The folder of photographs. ForensicsError: none was named."""
    if inputs.photographs is None:
        raise ForensicsError(f"recipe {recipe} is made of photographs: name their folder with --real")
    return inputs.photographs


def how_of(photographs: Photographs, resolution: int) -> dict[str, object]:
    """What decides the bytes of images made of photographs."""
    listing = photographs.listing_sha256()
    return {"folder": str(photographs.folder), "resolution": resolution, "listing": listing}
