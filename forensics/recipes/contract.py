"""What a recipe promises: image i of it depends on its numbers and i alone, and its rows say how it was made.

A recipe is one module of this package that registers one class:

    @register("recipe", "sampled", Card(...))
    class Sampled(Recipe[SampledSettings]): ...

`forensics generate-corpus --recipe NAME --set NAME=VALUE` then makes corpora with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from forensics.corpus import Row
from forensics.images import ImageFailure

Settings = TypeVar("Settings")
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class RecipeInputs:
    """What every recipe is given; it takes what it needs. `photographs`: a folder of them, or None.

    `class_number`: the class of a conditional network, or None.
    """

    count: int
    seed: int = 0
    generator: str = "default"
    device: str = "auto"
    photographs: Path | None = None
    class_number: int | None = None


@dataclass(frozen=True)
class RecipeBatch:
    """Some images of a recipe: uint8 [H, W, 3] each, a row each, their latents float32 [n, ...], and masks, if any.

    `masks`: uint8 [H, W] of each image, 0 where nothing was changed, or None.
    """

    images: Pixels | Sequence[Pixels]
    rows: Sequence[Row]
    latents: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    masks: Sequence[Pixels | None] = ()


class Recipe(ABC, Generic[Settings]):
    """A recipe with all its numbers fixed.

    `family`: one of `forensics.corpus.rows.FAMILIES`. `settings`: the frozen dataclass of what `--set` changes.
    `of_photographs`: whether it is made of photographs; else the photographs of `--real` are added beside its images.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    settings: ClassVar[type]
    of_photographs: ClassVar[bool] = False
    count: int

    @classmethod
    @abstractmethod
    def planned(cls, inputs: RecipeInputs, settings: Settings) -> Recipe[Settings]:
        """The recipe with these inputs and settings. ForensicsError: it cannot be made with them."""

    @abstractmethod
    def how(self) -> Mapping[str, Any]:
        """Every number that decides the bytes that come out, JSON-able."""

    @abstractmethod
    def make(self, indices: Sequence[int]) -> RecipeBatch:
        """The images at `indices`, rising, each below `count`."""

    @property
    @abstractmethod
    def resolution(self) -> int:
        """Pixels a side of its images, and of photographs beside them."""

    def inputs(self) -> Mapping[str, str]:
        """Name → sha256 of the files that decide the bytes: weights, lists of photographs."""
        return {}

    @property
    def device(self) -> str:
        """Where it computes."""
        return "cpu"

    @property
    def rejected(self) -> Sequence[ImageFailure]:
        """Photographs that were passed over, and why."""
        return ()
