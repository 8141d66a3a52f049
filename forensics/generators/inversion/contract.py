"""What an inverter is given and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.core.registry import method
from forensics.generators.base import Generator


@dataclass(frozen=True)
class Code:
    """Everything one image is made of.

    `ws`: float32 [1, num_ws, w_dim], any value. `noise`: a map a layer, float32 [1, 1, h, w]; None for the file's own.
    `features`: F at `features_at` px, float32 [1, c, at, at], as `Generator.synthesize_to` gives it, or None.
    """

    ws: Tensor
    noise: tuple[Tensor, ...] | None = None
    features: Tensor | None = None
    features_at: int | None = None

    def detached(self) -> Code:
        """A copy that no optimiser changes."""
        noise = None if self.noise is None else tuple(one.detach().clone() for one in self.noise)
        features = None if self.features is None else self.features.detach().clone()
        return Code(self.ws.detach().clone(), noise, features, self.features_at)

    def synthesize(self, generator: Generator) -> Tensor:
        """The image, float32 [1, img_channels, H, W], nominally in [-1, 1]."""
        noise = "const" if self.noise is None else list(self.noise)
        if self.features is None or self.features_at is None:
            return generator.synthesize(self.ws, noise)
        return generator.synthesize_from(self.features, self.ws, self.features_at, noise)


@dataclass(frozen=True)
class Inversion:
    """One image in a generator's terms: its code, and the loss after every step (`best_step`: the one kept)."""

    code: Code
    losses: tuple[float, ...]
    best_step: int
    method: str
    generator: Generator = field(repr=False)

    @property
    def ws(self) -> Tensor:
        """float32 [1, num_ws, w_dim], any value."""
        return self.code.ws

    @property
    def noise(self) -> tuple[Tensor, ...] | None:
        """Noise maps, float32 [1, 1, h, w] each, any value; None where the file's own were used."""
        return self.code.noise

    @property
    def features(self) -> Tensor | None:
        """F, float32 [1, c, at, at], any value; None for a method that leaves features alone."""
        return self.code.features

    def image(self) -> NDArray[np.uint8]:
        """The reconstruction, uint8 [H, W, 3] in [0, 255]."""
        with torch.inference_mode():
            pixels: NDArray[np.uint8] = self.generator.to_uint8(self.code.synthesize(self.generator))[0]
        return pixels


class Inverter(Protocol):
    """A method of the registry's kind `inverter`; built without arguments, or with its own settings."""

    steps: int  # how many it takes where none are asked for

    def invert(
        self, images: NDArray[np.uint8], generator: Generator, *, seed: int = 0, steps: int | None = None
    ) -> list[Inversion]:
        """One inversion an image of uint8 [n, H, W, 3] in [0, 255], of the generator's size.

        An image's result depends on itself, the seed and the steps alone, not on the others of the batch.
        """
        ...


def load_inverter(name: str) -> Inverter:
    """The inverter of that name; ForensicsError, which lists the names, where there is none."""
    inverter: Inverter = method("inverter", name).target()
    return inverter


def check_images(images: NDArray[np.uint8], generator: Generator, steps: int) -> None:
    """ForensicsError where images uint8 [n, H, W, 3] or the steps are not what an inverter takes."""
    size = generator.img_resolution
    if generator.img_channels != 3:
        raise ForensicsError(f"{generator.source}: makes {generator.img_channels} channels; inverters need 3")
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (size, size, 3):
        raise ForensicsError(
            f"images of {images.dtype} {list(images.shape)}: this generator takes uint8 [n, {size}, {size}, 3]"
        )
    if steps < 1:
        raise ForensicsError(f"{steps} steps: an inversion takes at least 1")
