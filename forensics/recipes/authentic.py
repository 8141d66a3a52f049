"""Recipe `authentic`: photographs brought to the generator's size, so that a corpus holds both classes alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from forensics.core.errors import CorpusError
from forensics.core.files import sha256_bytes
from forensics.core.terminal import printable, tracked
from forensics.corpus.photographs.loading import square
from forensics.images import ImageFailure, decode, decode_many, find_images
from forensics.recipes.plan import Made, Plan


@dataclass
class Authentic(Plan):
    """Every readable photograph under `folder`, framed as training frames them: centred square, `resolution` pixels.

    All are decoded once at the start, as image i must be known before it is made; `rejected` lists the others.
    """

    folder: Path
    resolution: int
    name: ClassVar[str] = "authentic"
    rejected: list[ImageFailure] = field(default_factory=list, init=False)
    _paths: list[Path] = field(default_factory=list, init=False, repr=False)
    _smallest_px: int = field(default=0, init=False, repr=False)  # the shortest side of them all

    def __post_init__(self) -> None:
        if not self.folder.exists():
            raise CorpusError(f"{self.folder}: no such folder of photographs")
        found = find_images([self.folder])
        self.rejected = list(found.failures)
        decoded = tracked(decode_many(found.paths), "checking photographs", len(found.paths))
        sides = []
        for path, item in zip(found.paths, decoded, strict=True):
            if isinstance(item, ImageFailure):
                self.rejected.append(item)
            else:
                self._paths.append(path)
                sides.append(min(item.pixels.shape[:2]))
        if not self._paths:
            raise CorpusError(f"{self.folder}: no readable photograph in it ({len(self.rejected)} rejected)")
        self.count, self._smallest_px = len(self._paths), min(sides)

    def how(self) -> dict[str, Any]:
        """The list of files stands for the photographs: a changed folder is another corpus."""
        names = "\n".join(p.as_posix() for p in self._below())
        listing = sha256_bytes(names.encode("utf-8", "surrogateescape"))
        return {"folder": str(self.folder), "resolution": self.resolution, "listing": listing}

    def _below(self) -> list[Path]:
        return [p.relative_to(self.folder) if p != self.folder else Path(p.name) for p in self._paths]

    def make(self, indices: Sequence[int]) -> Made:
        """Resized photographs; the parent of each is the sha256 of the file it came from, the name is in params."""
        images, rows = [], []
        below = self._below()
        for i in indices:
            photograph = decode(self._paths[i])
            images.append(square(photograph.pixels, self.resolution))
            params = {
                "index": int(i),
                "name": printable(below[i].as_posix()),
                "resolution": self.resolution,
                "resample": "bicubic",
            }
            row = {
                "label": 0,
                "source": printable(self.folder.resolve().name),
                "recipe": self.name,
                "params": params,
            }
            rows.append({**row, "parent": photograph.sha256})
        return Made(np.stack(images), rows, {})
