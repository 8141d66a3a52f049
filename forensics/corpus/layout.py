"""Where the files of a corpus lie below its folder."""

from __future__ import annotations

import re
from typing import Final

FOLDERS: Final = ("images", "latents", "masks")
_NUMBERED: Final = re.compile(r"(\d{6,})\.(?:png|safetensors)")


def image_file(index: int) -> str:
    """The path of image `index` below the corpus folder."""
    return f"images/{index // 1000:03d}/{index:06d}.png"


def mask_file(index: int) -> str:
    """The path of the mask of image `index` below the corpus folder."""
    return f"masks/{index // 1000:03d}/{index:06d}.png"


def latents_file(index: int) -> str:
    """The path of the latents of the chunk that begins with image `index`."""
    return f"latents/{index:06d}.safetensors"


def index_of(name: str) -> int | None:
    """The index that a file is named after; None where it is named otherwise."""
    number = _NUMBERED.fullmatch(name)
    return None if number is None else int(number[1])


def is_leftover(name: str) -> bool:
    """Whether a file is a temporary one that a kill left behind (see `forensics.core.files.replacing`)."""
    return name.startswith(".") and name.endswith(".part")
