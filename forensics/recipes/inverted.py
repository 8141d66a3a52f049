"""Recipe `inverted`: photographs brought into a generator and shown by it, unchanged: the control of every edit.

What a detector says of these is what it says of the generator's traces on a face that exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.corpus import SYNTHETIC, Row
from forensics.corpus.photographs.loading import square
from forensics.generators.base import Generator
from forensics.generators.inversion.contract import Inversion, load_inverter
from forensics.images import DecodedImage
from forensics.recipes.contract import RecipeBatch, RecipeInputs
from forensics.recipes.parts.photographs import Photographs, find_photographs
from forensics.recipes.parts.sources import OfPhotographs, folder_of, how_of, network_of
from forensics.recipes.settings import defaults_of, setting

SMALLEST_PX: Final = 32


@dataclass(frozen=True)
class InvertedSettings:
    """What `--set` changes."""

    method: str = setting("features", "an inverter: see `forensics methods --kind inverter`")
    steps: int = setting(0, "steps of descent; 0: the method's own", bounds=(0, 100_000))


@register(
    "recipe",
    "inverted",
    Card(
        "Photographs brought into a generator and shown by it, unchanged.",
        paper="the inverter's; see `forensics methods --kind inverter`",
        defaults=defaults_of(InvertedSettings),
    ),
)
class Inverted(OfPhotographs[InvertedSettings]):
    """The first photographs of a folder, each inverted alone; the parent of each is the file it came from."""

    name: ClassVar[str] = "inverted"
    family: ClassVar[str] = "reconstructed"
    settings: ClassVar[type] = InvertedSettings

    def __init__(
        self, photographs: Photographs, generator: Generator, settings: InvertedSettings, seed: int
    ) -> None:
        super().__init__(photographs, generator.img_resolution)
        self.generator, self._settings, self._seed = generator, settings, seed
        self._inverter = load_inverter(settings.method)

    @classmethod
    def planned(cls, inputs: RecipeInputs, settings: InvertedSettings) -> Inverted:
        """The first `count` photographs of the folder, in the generator that is named."""
        photographs = find_photographs(folder_of(cls.name, inputs), SMALLEST_PX).first(inputs.count)
        return cls(photographs, network_of(inputs), settings, inputs.seed)

    @property
    def device(self) -> str:
        """Where the generator is."""
        return str(self.generator.device)

    @property
    def _steps(self) -> int:
        return self._settings.steps or self._inverter.steps

    def inputs(self) -> Mapping[str, str]:
        """The generator's weights."""
        return {self.generator.source: self.generator.weights_sha256}

    def how(self) -> Mapping[str, Any]:
        """The photographs, the network, and the inverter with its numbers."""
        numbers = {"method": self._settings.method, "steps": self._steps, "seed": self._seed}
        return {**how_of(self.photographs, self.resolution), **self.inputs(), **numbers}

    def make(self, indices: Sequence[int]) -> RecipeBatch:
        """Inverted photographs with their ws [num_ws, w_dim], one at a time, so that none depends on the others."""
        images, rows, latents = [], [], []
        for i in indices:
            photograph = self.photographs.decode(i)
            wanted = square(photograph.pixels, self.resolution)[None]
            inversion = self._inverter.invert(wanted, self.generator, seed=self._seed, steps=self._steps)[0]
            images.append(inversion.image())
            latents.append(inversion.ws[0].cpu().numpy())
            rows.append(self._row(int(i), photograph, inversion))
        return RecipeBatch(np.stack(images), rows, {"ws": np.stack(latents)})

    def _row(self, index: int, photograph: DecodedImage, inversion: Inversion) -> Row:
        params = {
            "index": index,
            "name": self.photographs.name(index),
            "resolution": self.resolution,
            "steps": self._steps,
            "best_step": inversion.best_step,
            "loss": round(inversion.losses[inversion.best_step], 6),
        }
        return Row(
            label=SYNTHETIC,
            family=self.family,
            source=self.name,
            generator=self.generator.weights_sha256,
            recipe=self.name,
            method=self._settings.method,
            params=params,
            parents=(photograph.sha256,),
        )
