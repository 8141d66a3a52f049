"""Recipe `authentic`: photographs brought to the generator's size, so that a corpus holds both classes alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from forensics.errors import CorpusError
from forensics.files import sha256_bytes
from forensics.generators.recipes.plan import Made, Plan
from forensics.images import decode, find_images, resize


@dataclass
class Authentic(Plan):
    """Every readable photograph under `folder`, cut to its centred square and resized to `resolution` pixels."""

    folder: Path
    resolution: int
    name: ClassVar[str] = "authentic"
    _paths: list[Path] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        found = find_images([self.folder])
        if found.failures:
            raise CorpusError(f"{found.failures[0].path}: {found.failures[0].message}")
        self._paths = list(found.paths)
        if not self._paths:
            raise CorpusError(f"{self.folder}: no image file in it; name a folder of photographs")
        self.count = len(self._paths)

    def how(self) -> dict[str, Any]:
        """The list of files stands for the photographs: a changed folder is another corpus."""
        names = "\n".join(str(p.relative_to(self.folder)) for p in self._paths)
        return {
            "folder": str(self.folder),
            "resolution": self.resolution,
            "listing": sha256_bytes(names.encode()),
        }

    def make(self, indices: Sequence[int]) -> Made:
        """Resized photographs with the sha256 and name of the file each came from; an unreadable one is an error."""
        images, rows = [], []
        for i in indices:
            photograph = decode(self._paths[i])
            h, w = photograph.pixels.shape[:2]
            side = min(h, w)
            top, left = (h - side) // 2, (w - side) // 2
            cut = photograph.pixels[top : top + side, left : left + side]
            images.append(resize(cut, (self.resolution, self.resolution)))
            parent = {"name": self._paths[i].name, "sha256": photograph.sha256}
            params = {"index": int(i), "resolution": self.resolution, "resample": "bicubic"}
            rows.append(
                {
                    "label": 0,
                    "source": self.folder.name,
                    "recipe": self.name,
                    "params": params,
                    "parent": parent,
                }
            )
        return Made(np.stack(images), rows, {})
