"""Sheets: all seeds side by side; the same face under new noise, and where the noise moves it; a face along psi."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.generators.base import Generator
from forensics.generators.pictures.seeds import Drawing
from forensics.images import contact_sheet, resize

Pixels = NDArray[np.uint8]

SHEETS: Final = ("noise", "psi")
PSIS: Final = tuple(step / 4 for step in range(-4, 6))
WIDEST_PX: Final = 4096
_NOISE_DRAWS: Final = 16
_DRAWS_SHOWN: Final = 3
_MAP_GAIN: Final = 8.0


def grid_of(text: str | None, count: int) -> tuple[int, int]:
    """Columns and rows of `COLUMNSxROWS`; by default the squarest that holds `count`. ForensicsError: no such thing."""
    if text is None:
        columns = int(np.ceil(np.sqrt(count)))
        return columns, -(-count // columns)
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and 0 < int(part) <= 1000 for part in parts):
        raise ForensicsError(f"--grid {text}: give columns and rows, such as 6x6")
    return int(parts[0]), int(parts[1])


def sheet(images: Iterable[Pixels], columns: int) -> Pixels:
    """Images uint8 [H, W, 3] of one size in rows of `columns`, uint8; shrunk where the sheet passes 4096 px."""
    return contact_sheet([cell(image, columns) for image in images], columns)


def cell(image: Pixels, columns: int) -> Pixels:
    """One image uint8 [h, w, 3] as it stands in a sheet of so many columns: shrunk (area) where it must be."""
    side = WIDEST_PX // columns - 4
    return image if min(image.shape[:2]) <= side else resize(image, max(side, 16), "box")


def psi_sheet(generator: Generator, drawing: Drawing, seeds: Sequence[int]) -> Iterator[Pixels]:
    """For each seed its face at psi -1, -0.75 ... 1.25, uint8 [H, W, 3]: the anti-face, the mean face, the face."""
    with torch.inference_mode():
        for seed in seeds:
            ws = Drawing(1.0, drawing.seed_rule).ws(generator, seed)
            for psi in PSIS:
                image = generator.synthesize(generator.truncate(ws, psi), drawing.noise_of(generator, seed))
                yield colours(generator.to_uint8(image)[0])


def noise_sheet(
    generator: Generator, drawing: Drawing, seeds: Sequence[int]
) -> Iterator[tuple[list[Pixels], float]]:
    """For each seed a row uint8 [H, W, 3] and the mean deviation of a pixel in grey levels of 255.

    The row: no noise, the noise of the file, three draws, and the deviation over 16 draws, eight grey levels a level.
    ForensicsError: an architecture without noise.
    """
    if not generator.noise_shapes:
        raise ForensicsError(f"{generator.source}: adds no noise; leave --sheet noise out")
    with torch.inference_mode():
        for seed in seeds:
            yield _noise_row(generator, drawing.ws(generator, seed), seed)


def _noise_row(generator: Generator, ws: Tensor, seed: int) -> tuple[list[Pixels], float]:
    plain = [generator.synthesize(ws, mode) for mode in ("none", "const")]
    total, squares, draws = torch.zeros_like(plain[0]), torch.zeros_like(plain[0]), []
    for index in range(_NOISE_DRAWS):
        image = generator.synthesize(ws, generator.sample_noise(seed, [index])).clamp(-1, 1)
        total, squares = total + image, squares + image.square()
        draws.append(image)
        del draws[_DRAWS_SHOWN:]
    variance = (squares - total.square() / _NOISE_DRAWS).clamp_min(0) / (_NOISE_DRAWS - 1)
    deviation = variance.mean(dim=1).sqrt()[0] * 127.5
    grey = (deviation * _MAP_GAIN).clamp(0, 255).round().to(torch.uint8).cpu().numpy()
    pictures = [colours(generator.to_uint8(image)[0]) for image in (*plain, *draws)]
    return [*pictures, np.repeat(grey[:, :, None], 3, axis=2)], float(deviation.mean())


def colours(pixels: Pixels) -> Pixels:
    """uint8 [H, W, 3] of uint8 [H, W, c]: the first three channels, or one as grey."""
    return np.ascontiguousarray(
        pixels[:, :, :3] if pixels.shape[2] >= 3 else np.repeat(pixels[:, :, :1], 3, 2)
    )
