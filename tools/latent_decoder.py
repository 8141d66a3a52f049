"""Photographs through the tiny autoencoder of FLUX.2's latents: what a latent decoder leaves, on faces that exist.

`python -m tools.latent_decoder PHOTOGRAPHS OUT --networks DIR [--last N]` writes OUT/NAME.png of the last N photographs
by name, 256 px from their middle. The networks are `taef2_encoder.safetensors` and `taef2_decoder.safetensors` (MIT,
madebyollin/taesd). The detector that ships learned from such images beside those of diffusion models.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from forensics.core.errors import ForensicsError
from forensics.core.files import write_bytes
from forensics.core.terminal import note, print_line, tracked
from forensics.images import decode, encode_png, find_images

Pixels = NDArray[np.uint8]
Weights = Mapping[str, Tensor]

SIDE_PX: Final = 256
_GROUPS: Final = 4


class TinyAutoencoder:
    """Convolutions of 64 channels; keys of the weights number its layers (see the module's source for the order)."""

    def __init__(self, folder: Path) -> None:
        from safetensors.torch import load_file

        self.encoder, self.decoder = (
            {key: value.float() for key, value in load_file(folder / f"taef2_{half}.safetensors").items()}
            for half in ("encoder", "decoder")
        )

    def encoded(self, images: Tensor) -> Tensor:
        """float32 [n, 32, h / 8, w / 8] of images float32 [n, 3, h, w] in [0, 1]."""
        x = _block(self.encoder, 1, _conv(self.encoder, 0, images))
        for first in (2, 6, 10):
            x = _conv(self.encoder, first, x, stride=2)
            for number in range(first + 1, first + 4):
                x = _block(self.encoder, number, x)
        return _conv(self.encoder, 14, x)

    def decoded(self, latents: Tensor) -> Tensor:
        """The inverse; what it gives may lie a little outside [0, 1]."""
        x = functional.relu(_conv(self.decoder, 1, 3 * torch.tanh(latents / 3)))
        for number in (3, 4, 5):
            x = _block(self.decoder, number, x)
        for conv, blocks in ((7, (8, 9, 10)), (12, (13, 14, 15)), (17, (18,))):
            x = _conv(self.decoder, conv, functional.interpolate(x, scale_factor=2.0, mode="nearest"))
            for number in blocks:
                x = _block(self.decoder, number, x)
        return _conv(self.decoder, 19, x)

    def rebuilt(self, pixels: Pixels) -> Pixels:
        """uint8 [h, w, 3] through both halves; the sides are multiples of 8."""
        with torch.inference_mode():
            x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
            y = self.decoded(self.encoded(x)).clamp(0, 1)[0].permute(1, 2, 0)
        return np.asarray((y * 255).round().to(torch.uint8).numpy())


def middle(pixels: Pixels) -> Pixels:
    """The square in the middle, at most 256 px wide, its side a multiple of 8."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[top : top + side, left : left + side]
    if side > SIDE_PX:
        square = np.asarray(Image.fromarray(square).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC))
    side = len(square) // 8 * 8
    return np.ascontiguousarray(square[:side, :side])


def _conv(weights: Weights, number: int | str, x: Tensor, stride: int = 1) -> Tensor:
    return functional.conv2d(x, weights[f"{number}.weight"], weights.get(f"{number}.bias"), stride, 1)


def _block(weights: Weights, number: int, x: Tensor) -> Tensor:
    """Three convolutions beside the input; at the lowest size, two of 1 × 1 with a normalisation before them."""
    if f"{number}.pool.0.weight" in weights:
        y = functional.conv2d(x, weights[f"{number}.pool.0.weight"])
        gain, bias = (weights[f"{number}.pool.1.{part}"] for part in ("weight", "bias"))
        y = functional.relu(functional.group_norm(y, _GROUPS, gain, bias))
        x = x + functional.conv2d(y, weights[f"{number}.pool.3.weight"])
    y = x
    for conv in (0, 2, 4):
        y = _conv(weights, f"{number}.conv.{conv}", y)
        y = functional.relu(y) if conv < 4 else y
    return functional.relu(x + y)


def main(argv: Sequence[str] | None = None) -> int:
    """Rebuild the photographs of a folder."""
    parser = argparse.ArgumentParser(prog="python -m tools.latent_decoder")
    parser.add_argument("photographs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--networks", type=Path, required=True)
    parser.add_argument("--last", type=int, default=1 << 30)
    asked = parser.parse_args(argv)
    try:
        network = TinyAutoencoder(asked.networks)
        paths = sorted(find_images([asked.photographs]).paths, key=lambda path: path.name)[-asked.last :]
        for path in tracked(paths, "rebuild", len(paths)):
            image = network.rebuilt(middle(decode(path).pixels))
            write_bytes(asked.out / f"{path.stem}.png", encode_png(image))
    except (OSError, ForensicsError) as error:
        note(f"error: {error}")
        return 2
    print_line(f"{asked.out}: {len(paths)} images")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
