"""The large network's picture and each head's, of the same w: made once, read by every measurement of the heads.

A folder holds, for each size, `reduced-SIZE.npy` (the picture of 1024 px, area-reduced) and `head-SIZE.npy`, both uint8
[n, SIZE, SIZE, 3], `full.npy` (what a face finder sees of 1024 px: 256 px, bicubic), and how many are whole. It goes on
where it was killed. With psi 0.7 the latents are those of seed `SEED`, which no fit has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from forensics.core.files import write_json
from forensics.core.terminal import progress
from forensics.generators.base import Generator, load_generator

TEACHER: Final = "ffhq-1024"
SEED: Final = 20_261_201
FACE_PX: Final = 256
SIZES: Final = (64, 128, 256, 512)
_COUNT: Final = "count.json"

Pixels = NDArray[np.uint8]


class Pictures:
    """The pictures in a folder, `n` of each kind."""

    def __init__(self, folder: Path, n: int, mode: str = "r") -> None:
        self.folder = folder
        shapes = {"full": (n, FACE_PX, FACE_PX, 3)}
        shapes |= {f"{kind}-{size}": (n, size, size, 3) for kind in ("reduced", "head") for size in SIZES}
        self._arrays: dict[str, Pixels] = {
            name: _array(folder / f"{name}.npy", shape, mode) for name, shape in shapes.items()
        }

    def full(self) -> Pixels:
        """The large network's, uint8 [n, 256, 256, 3] in [0, 255]."""
        return self._arrays["full"]

    def reduced(self, size: int) -> Pixels:
        """The large network's, area-reduced, uint8 [n, size, size, 3] in [0, 255]."""
        return self._arrays[f"reduced-{size}"]

    def head(self, size: int) -> Pixels:
        """The head's, uint8 [n, size, size, 3] in [0, 255]."""
        return self._arrays[f"head-{size}"]

    def put(self, index: int, pixels: Mapping[str, Pixels]) -> None:
        """Write the pictures of one latent."""
        for name, image in pixels.items():
            self._arrays[name][index] = image
        write_json(self.folder / _COUNT, index + 1)


def _array(path: Path, shape: tuple[int, ...], mode: str) -> Pixels:
    if path.exists() and mode != "r":
        mode = "r+"
    array: Pixels = open_memmap(path, mode, None if mode != "w+" else np.uint8, shape)
    if len(array) < shape[0]:
        raise ValueError(f"{path}: holds {len(array)} pictures, {shape[0]} are wanted; name another folder")
    return array[: shape[0]]


def made(folder: Path) -> int:
    """How many latents' pictures are whole in the folder."""
    path = folder / _COUNT
    return int(path.read_text("utf-8")) if path.exists() else 0


@torch.inference_mode()
def make_pictures(folder: Path, n: int, psi: float) -> None:
    """Make (or go on making) the pictures of `n` latents at truncation `psi`."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures, first = Pictures(folder, n, "w+"), made(folder)
    if first >= n:
        return
    large = load_generator(TEACHER, "cpu")
    heads = [load_generator(f"ffhq-{size}", "cpu") for size in SIZES]
    with progress(f"pictures at psi {psi:g}", n) as meter:
        meter.advance(first)
        for index in range(first, n):
            ws = large.map(large.sample_z(1, SEED, start=index), psi=psi)
            pictures.put(index, _pictures_of(ws, large, heads))
            meter.advance(1)


def _pictures_of(ws: torch.Tensor, large: Generator, heads: Sequence[Generator]) -> dict[str, Pixels]:
    from forensics.images import resize

    image = large.synthesize(ws)
    made_now = {"full": resize(large.to_uint8(image)[0], (FACE_PX, FACE_PX), "bicubic")}
    for head in heads:
        size = head.img_resolution
        reduced = F.avg_pool2d(image.clamp(-1, 1), large.img_resolution // size)
        made_now[f"reduced-{size}"] = large.to_uint8(reduced)[0]
        made_now[f"head-{size}"] = head.to_uint8(head.synthesize(ws[:, : head.num_ws]))[0]
    return made_now
