"""What CLIP's image tower says of an image, as numbers: the class token of late blocks, and the mean of the others.

Late blocks only: what those before the ninth say changes more with a JPEG history than with a generator. The image is
shown without resampling where it can be: a face of 256 px shrunk to the 224 px that the tower was made for loses what
tells a StyleGAN3 face (measured: AUC 0.956 instead of 0.978). Its lowest twentieth is not shown, where websites write
captions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from forensics.backbones.clip import PATCH_PX, WIDTH, load_tower
from forensics.core.devices import uses_bfloat16

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

_NATIVE_PX: Final = (208, 320)  # shorter sides that are shown as they are
_WORKING_PX: Final = 256  # what others are resized to
_SHOWN: Final = 0.95  # of the height, from the top


class ClipStatistics:
    """Of the `blocks` of the tower in `path`; products in bfloat16 where the processor has a matrix unit for them."""

    def __init__(self, path: Path, blocks: Sequence[int]) -> None:
        self.blocks = tuple(blocks)
        self.tower = load_tower(path)
        self.to("cpu")

    def to(self, device: str) -> None:
        """Compute on `device` from now on."""
        self.device = device
        self.tower.to(device).multiply_in(torch.bfloat16 if uses_bfloat16(device) else torch.float32)

    def length(self) -> int:
        """How many numbers an image gives."""
        return 2 * WIDTH * len(self.blocks)

    def __call__(self, view: Pixels) -> Floats:
        """float32 [d] of a uint8 view [h, w, 3]: of each block the class token, then the mean of the others.

        One view at a time, so that none depends, in its last digits, on those beside it.
        """
        tokens = self._tokens(view)
        numbers = torch.cat([torch.cat([block[0], block[1:].mean(0)]) for block in tokens])
        return np.asarray(numbers.cpu().numpy(), np.float32)

    def local(self, view: Pixels, slopes: Floats) -> Floats:
        """float32 [h / 16, w / 16]: where the Σ slope · number of a view comes from; its mean is that sum.

        A class token belongs to no place: it counts everywhere alike.
        """
        side = shown(view).shape[0] // PATCH_PX
        places = torch.zeros(side, side)
        for tokens, weights in zip(self._tokens(view), np.split(slopes, len(self.blocks)), strict=True):
            own = torch.from_numpy(np.ascontiguousarray(weights))
            block = tokens.cpu()
            places += block[0] @ own[:WIDTH] + (block[1:] @ own[WIDTH:]).view(side, side)
        return np.asarray(places.numpy(), np.float32)

    def _tokens(self, view: Pixels) -> list[Tensor]:
        """float32 [1 + s², 768] of each block."""
        with torch.inference_mode():
            features = self.tower(as_input(shown(view)).to(self.device), self.blocks)
        return [features.tokens[block][0].float() for block in self.blocks]


def shown(view: Pixels) -> Pixels:
    """The square uint8 [s, s, 3] of a view that the tower sees, s a multiple of 16, from its middle."""
    shorter = min(view.shape[:2])
    if not _NATIVE_PX[0] <= shorter <= _NATIVE_PX[1]:
        height, width = (round(side * _WORKING_PX / shorter) for side in view.shape[:2])
        view = np.asarray(Image.fromarray(view).resize((width, height), Image.Resampling.BICUBIC))
        shorter = min(view.shape[:2])
    side = int(_SHOWN * shorter) // PATCH_PX * PATCH_PX
    top = (int(_SHOWN * view.shape[0]) - side) // 2 // PATCH_PX * PATCH_PX
    left = (view.shape[1] - side) // 2
    return np.ascontiguousarray(view[top : top + side, left : left + side])


def as_input(square: Pixels) -> Tensor:
    """float32 [1, 3, s, s] in [0, 1] of uint8 [s, s, 3]."""
    return torch.from_numpy(square).permute(2, 0, 1)[None].float() / 255
