"""`forensics.invert`: a photograph in a generator's terms, as a function."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import ForensicsError
from forensics.examiner.photographs import Photograph, decoded
from forensics.images import resize

if TYPE_CHECKING:
    from forensics.generators.base import Generator
    from forensics.generators.inversion.contract import Inversion


def fitted(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The middle square of uint8 [h, w, 3] in [0, 255] at [size, size, 3]; a face must be aligned before."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(pixels[top : top + side, left : left + side], (size, size), "lanczos")


def invert(
    image: Photograph,
    generator: Generator | str | Path = "default",
    method: str = "features",
    *,
    seed: int = 0,
    steps: int | None = None,
) -> Inversion:
    """The codes whose image comes closest to `image`, given as to `forensics.detect`; its middle square is taken.

    `method`: a name of `forensics methods --kind inverter`. ForensicsError: not one image, or no such method.
    """
    from forensics.generators.base import load_generator
    from forensics.generators.inversion.contract import load_inverter

    inverter = load_inverter(method)
    images = [one.pixels for one in decoded((image,))]
    if len(images) != 1:
        raise ForensicsError(f"holds {len(images)} images, not one: give one photograph")
    network = load_generator(generator) if isinstance(generator, str | Path) else generator
    wanted = fitted(images[0], network.img_resolution)[None]
    return inverter.invert(wanted, network, seed=seed, steps=steps)[0]
