"""Labelled images read from corpora and folders into a pool, each once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from forensics.core.errors import CorpusError, DetectorError
from forensics.corpus import AUTHENTIC, SYNTHETIC, Corpus, Row
from forensics.corpus.families import family_of
from forensics.corpus.likeness import origins, perceptual_hash
from forensics.corpus.manifest import MANIFEST
from forensics.corpus.pools.pool import SELF_MADE_WEIGHT, Pixels, Pool
from forensics.images import ImageFailure, decode_many, find_images
from forensics.images.views import working_view

OnFailure = Callable[[ImageFailure], None]


def read_pool(
    corpora: Sequence[Path],
    authentic: Sequence[Path] = (),
    trim_bottom: float = 0.0,
    on_failure: OnFailure | None = None,
    self_made: Sequence[Path] = (),
    self_made_weight: float = SELF_MADE_WEIGHT,
) -> Pool:
    """Every image of `corpora`, of the folders `authentic` (photographs, whatever their folders' names) and
    `self_made`.

    Each of `self_made` is a corpus, or a folder of corpora, of generators at hand and, best, of photographs at the same
    size. Whatever its rows say, their sources are the folder's name and that name with " photographs": what matters is
    which family of generators made them, not which file. Neither they nor `authentic` calibrate (`unpaired`), and one
    of them counts `self_made_weight` in training where any other image counts 1 (to fingerprints it counts 1, too).

    An image that occurs twice is taken once; DetectorError where it occurs with both labels. A source is the corpus's
    own word; `on_failure` hears of what could not be read. `trim_bottom` is the share of the height cut off the bottom
    of every image of both classes: some sources write a caption there, which a detector would learn instead.
    """
    reader = _Reader(trim_bottom, on_failure)
    for path in corpora:
        reader.add_corpus(path)
    for folder in authentic:
        reader.add_photographs(folder)
    for folder in self_made:
        for path in _corpora_in(folder):
            reader.add_corpus(path, _self_made_names(folder))
    pool = reader.pool(
        photographs=[folder.resolve().name for folder in authentic],
        self_made=[name for folder in self_made for name in _self_made_names(folder).values()],
        self_made_weight=self_made_weight,
    )
    if set(pool.labels.tolist()) != {0, 1}:
        raise CorpusError("training needs authentic and synthetic images; these corpora hold only one kind")
    return pool


class _Image(NamedTuple):
    view: Pixels
    label: int
    source: str
    phash: str
    origins: tuple[str, ...]
    family: str


class _Reader:
    """Images by sha256, the first of each kept, in the order in which they were added."""

    def __init__(self, trim_bottom: float, on_failure: OnFailure | None) -> None:
        self.trim_bottom, self.on_failure = trim_bottom, on_failure
        self.images: dict[str, _Image] = {}

    def add_corpus(self, path: Path, names: Mapping[int, str] | None = None) -> None:
        """The images of a corpus; `names` (label -> source) stand for what its rows say of their source."""
        corpus = Corpus.open(path)
        for failure in corpus.failures:
            self._report(failure)
        for rows, images in corpus.images(on_failure=self.on_failure):
            for row, pixels in zip(rows, images, strict=True):
                self._add(row, pixels, (names or {}).get(row.label, ""))

    def add_photographs(self, folder: Path) -> None:
        """The images in a folder and below, all as authentic, their source the folder's name."""
        files = find_images([folder])
        for failure in files.failures:
            self._report(failure)
        for image in decode_many(files.paths):
            if isinstance(image, ImageFailure):
                self._report(image)
            else:
                row = Row(sha256=image.sha256, label=AUTHENTIC, source=folder.resolve().name)
                self._add(row, image.pixels)

    def _add(self, row: Row, pixels: Pixels, source: str = "") -> None:
        sha256, label = row.sha256, row.label
        if sha256 in self.images and self.images[sha256].label != label:
            raise DetectorError(
                f"one image (sha256 {sha256[:16]}…) is labelled authentic and synthetic; remove one"
            )
        trimmed = pixels[: len(pixels) - round(len(pixels) * self.trim_bottom)]
        entry = _Image(
            working_view(trimmed),
            label,
            source or row.source,
            perceptual_hash(pixels),
            origins(row),
            family_of(row),
        )
        self.images.setdefault(sha256, entry)

    def _report(self, failure: ImageFailure) -> None:
        if self.on_failure is None:
            raise CorpusError(failure.message)
        self.on_failure(failure)

    def pool(self, *, photographs: Sequence[str], self_made: Sequence[str], self_made_weight: float) -> Pool:
        """What was read, as a pool; `photographs` and `self_made` are names of sources."""
        read = list(self.images.values())
        return Pool(
            tuple(image.view for image in read),
            np.array([image.label for image in read], np.int64),
            tuple(image.source for image in read),
            tuple(self.images),
            self.trim_bottom,
            tuple(image.phash for image in read),
            tuple(image.origins for image in read),
            families=tuple(image.family for image in read),
            unpaired=tuple(sorted({*photographs, *self_made})),
            self_made=tuple(sorted(set(self_made))),
            self_made_weight=self_made_weight,
        )


def _corpora_in(folder: Path) -> list[Path]:
    """The folder itself where it is a corpus; else the corpora directly below it, sorted."""
    below = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    return below if below and not (folder / MANIFEST).exists() else [folder]


def _self_made_names(folder: Path) -> dict[int, str]:
    name = folder.resolve().name
    return {SYNTHETIC: name, AUTHENTIC: f"{name} photographs"}
