"""Recipe `authentic`: photographs brought to one size, so that a corpus holds both classes alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.core.terminal import printable
from forensics.corpus import AUTHENTIC, Row
from forensics.corpus.photographs.loading import square
from forensics.recipes.contract import RecipeBatch, RecipeInputs
from forensics.recipes.parts.photographs import find_photographs
from forensics.recipes.parts.sources import OfPhotographs, folder_of, how_of
from forensics.recipes.settings import defaults_of, setting


@dataclass(frozen=True)
class AuthenticSettings:
    """What `--set` changes."""

    resolution: int = setting(0, "pixels a side; 0: the shorter side of the smallest", bounds=(0, 8192))


@register(
    "recipe",
    "authentic",
    Card("Photographs as they are, framed as training frames them: the centred square at one size.",
         defaults=defaults_of(AuthenticSettings)),
)  # fmt: skip
class Authentic(OfPhotographs[AuthenticSettings]):
    """Every readable photograph under `folder`, as a centred square of `resolution` pixels (0: of the smallest)."""

    name: ClassVar[str] = "authentic"
    family: ClassVar[str] = "authentic"
    settings: ClassVar[type] = AuthenticSettings

    def __init__(self, folder: Path, resolution: int = 0, at_most: int | None = None) -> None:
        photographs = find_photographs(folder)
        if at_most is not None:
            photographs = photographs.first(at_most)
        super().__init__(photographs, resolution or photographs.smallest_px)

    @classmethod
    def planned(cls, inputs: RecipeInputs, settings: AuthenticSettings) -> Authentic:
        """The first photographs of the folder, at most `count`."""
        return cls(folder_of(cls.name, inputs), settings.resolution, inputs.count)

    def how(self) -> Mapping[str, Any]:
        """The folder, its listing and the size."""
        return how_of(self.photographs, self.resolution)

    def make(self, indices: Sequence[int]) -> RecipeBatch:
        """Resized photographs; the parent of each is the sha256 of the file it came from, the name is in params."""
        images, rows = [], []
        for i in indices:
            photograph = self.photographs.decode(i)
            images.append(square(photograph.pixels, self.resolution))
            params = {
                "index": int(i),
                "name": self.photographs.name(i),
                "resolution": self.resolution,
                "resample": "bicubic",
            }
            rows.append(
                Row(
                    label=AUTHENTIC,
                    family=self.family,
                    source=printable(self.photographs.folder.resolve().name),
                    recipe=self.name,
                    params=params,
                    parents=(photograph.sha256,),
                )
            )
        return RecipeBatch(np.stack(images), rows)
