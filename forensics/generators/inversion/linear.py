"""One pass: a linear encoder, in closed form, from what an ImageNet network says of an image to w.

It belongs to one weights file and is fitted to that network's own images in minutes (`forensics fit-encoder`). It sees
well enough to tell which of a hundred thousand seeds an image came from.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from forensics.backbones.layer_distance import load_layer_distance
from forensics.core.cards import Card
from forensics.core.errors import ForensicsError
from forensics.core.registry import register
from forensics.generators.base import Generator
from forensics.generators.inversion.contract import Code, Inversion, check_images
from forensics.generators.inversion.encoders.file import encoder_of
from forensics.generators.inversion.search import Target


@register(
    "inverter",
    "linear",
    Card(
        "A linear encoder fitted to the network's own images: one pass, no descent.",
        paper="ridge regression, Hoerl and Kennard 1970; statistics after Gatys et al. 2015, arXiv 1505.07376",
        defaults={},
    ),
)
class Linear:
    """w by one matrix; its one step is the pass itself."""

    steps = 1

    def invert(
        self, images: NDArray[np.uint8], generator: Generator, *, seed: int = 0, steps: int | None = None
    ) -> list[Inversion]:
        """One inversion an image of uint8 [n, H, W, 3] in [0, 255]: one w for all layers.

        ForensicsError: this generator has no encoder.
        """
        check_images(images, generator, self.steps if steps is None else steps)
        encoder = encoder_of(generator)
        if encoder is None:
            raise ForensicsError(
                f"{generator.source}: has no linear encoder; fit one: forensics fit-encoder {generator.source} OUT"
            )
        distance = load_layer_distance().to(generator.device)
        inversions = []
        for image in images:
            offsets = torch.from_numpy(encoder.offsets(encoder.coordinates([image]))).to(generator.device)
            code = Code((generator.w_avg + offsets)[:, None].repeat(1, generator.num_ws, 1))
            with torch.inference_mode():
                loss = float(Target(image, distance).loss(code.synthesize(generator)))
            inversions.append(Inversion(code, (loss,), 0, "linear", generator))
        return inversions
