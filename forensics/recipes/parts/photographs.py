"""A folder of photographs that a recipe is made of: what is readable, in order, and what was passed over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from forensics.core.errors import CorpusError
from forensics.core.files import sha256_bytes
from forensics.core.terminal import printable, tracked
from forensics.images import DecodedImage, ImageFailure, decode, decode_many, find_images


@dataclass(frozen=True)
class Photographs:
    """The readable photographs under `folder`, sorted; `rejected` lists the others. Make one with `find_photographs`.

    `smallest_px` is the shortest side of them all.
    """

    folder: Path
    paths: tuple[Path, ...]
    smallest_px: int
    rejected: tuple[ImageFailure, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def first(self, at_most: int) -> Photographs:
        """The first so many; the smallest side stays that of all."""
        return replace(self, paths=self.paths[:at_most])

    def decode(self, index: int) -> DecodedImage:
        """Photograph `index`."""
        return decode(self.paths[index])

    def name(self, index: int) -> str:
        """The path of photograph `index` below the folder."""
        return printable(self._below(self.paths[index]).as_posix())

    def listing_sha256(self) -> str:
        """The list of files stands for the photographs: a changed folder is another corpus."""
        names = "\n".join(self._below(path).as_posix() for path in self.paths)
        return sha256_bytes(names.encode("utf-8", "surrogateescape"))

    def _below(self, path: Path) -> Path:
        return path.relative_to(self.folder) if path != self.folder else Path(path.name)


def find_photographs(folder: Path, at_least_px: int = 1) -> Photographs:
    """The photographs under `folder`; those that cannot be read or have a side under `at_least_px` are rejected.

    All are decoded once, as image i must be known before it is made. CorpusError: no folder, or none is left.
    """
    if not folder.exists():
        raise CorpusError(f"{printable(folder)}: no such folder of photographs")
    there = find_images([folder])
    rejected, paths, sides = list(there.failures), [], []
    decoded = tracked(decode_many(there.paths), "checking photographs", len(there.paths))
    for path, item in zip(there.paths, decoded, strict=True):
        if isinstance(item, ImageFailure):
            rejected.append(item)
        elif min(item.pixels.shape[:2]) < at_least_px:
            size = f"{item.width} x {item.height} pixels, and {at_least_px} a side are needed"
            rejected.append(ImageFailure(str(path), f"{printable(path)}: is {size}"))
        else:
            paths.append(path)
            sides.append(min(item.pixels.shape[:2]))
    if not paths:
        raise CorpusError(f"{printable(folder)}: no usable photograph in it ({len(rejected)} rejected)")
    return Photographs(folder, tuple(paths), min(sides), tuple(rejected))
