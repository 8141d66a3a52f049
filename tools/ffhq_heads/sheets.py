"""Sheets of every shipped size at psi 0.5, 0.7 and 1.0, the same persons in all of them, for the eye."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

from forensics.core.files import write_bytes
from forensics.core.terminal import note
from forensics.generators.base import load_generator
from forensics.generators.pictures.seeds import Drawing
from forensics.generators.pictures.sheets import sheet
from forensics.images import encode_jpeg
from tools.ffhq_heads.pictures import SIZES, TEACHER

PSIS: Final = (0.5, 0.7, 1.0)
SEEDS: Final = range(100, 110)


@torch.inference_mode()
def write_sheets(folder: Path) -> None:
    """Write sheet-NAME.jpg for each size: a row a psi, ten seeds."""
    for name in [*(f"ffhq-{size}" for size in SIZES), TEACHER]:
        generator = load_generator(name, "cpu")
        images = [
            generator.to_uint8(Drawing(psi).image(generator, seed))[0] for psi in PSIS for seed in SEEDS
        ]
        path = folder / f"sheet-{name}.jpg"
        write_bytes(path, encode_jpeg(sheet(images, len(SEEDS)), 92, "4:4:4"))
        note(f"wrote {path}")
