"""Pools of labelled images: read from corpora, and split so that no image is in two.

A pool holds its images decoded; training sets of some thousand small faces fit in memory, larger ones do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.corpus import Corpus
from forensics.detectors.views import working_view
from forensics.errors import CorpusError, DetectorError
from forensics.files import sha256_bytes
from forensics.images import ImageFailure, decode_many, find_images

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Pool:
    """Images (uint8 [H, W, 3], views at working size), labels int64 [n] (1 synthetic), sources and file hashes."""

    images: tuple[Pixels, ...]
    labels: NDArray[np.int64]
    sources: tuple[str, ...]
    sha256: tuple[str, ...]
    trimmed: float = 0.0  # share of the height that was cut off the bottom of every image

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> Pool:
        """The pool of these rows, in this order."""
        chosen = [int(i) for i in indices]
        return Pool(
            tuple(self.images[i] for i in chosen),
            self.labels[chosen],
            tuple(self.sources[i] for i in chosen),
            tuple(self.sha256[i] for i in chosen),
            self.trimmed,
        )

    def counts(self) -> dict[str, int]:
        """Images by source, sorted."""
        names, counts = np.unique(np.array(self.sources, dtype=str), return_counts=True)
        return {str(name): int(count) for name, count in zip(names, counts, strict=True)}

    def fingerprint(self) -> str:
        """SHA-256 over the hashes and labels of its images, in order, and what was cut off them."""
        lines = "".join(f"{sha} {label}\n" for sha, label in zip(self.sha256, self.labels, strict=True))
        return sha256_bytes(f"{self.trimmed:g}\n{lines}".encode())


def read_pool(
    corpora: Sequence[Path],
    authentic: Sequence[Path] = (),
    trim_bottom: float = 0.0,
    on_failure: Callable[[ImageFailure], None] | None = None,
) -> Pool:
    """Every image of `corpora`, and of the folders `authentic` (photographs, whatever their folders' names).

    An image that occurs twice is taken once; DetectorError where it occurs with both labels. A source is the corpus's
    own word; `on_failure` hears of what could not be read. `trim_bottom` is the share of the height cut off the bottom
    of every image of both classes: some sources write a caption there, which a detector would learn instead.
    """
    rows: dict[str, tuple[Pixels, int, str]] = {}

    def add(sha256: str, pixels: Pixels, label: int, source: str) -> None:
        if sha256 in rows and rows[sha256][1] != label:
            raise DetectorError(
                f"one image (sha256 {sha256[:16]}…) is labelled authentic and synthetic; remove one"
            )
        kept = pixels[: len(pixels) - round(len(pixels) * trim_bottom)]
        rows.setdefault(sha256, (working_view(kept), label, source))

    for path in corpora:
        corpus = Corpus.open(path)
        for failure in corpus.failures:
            _report(failure, on_failure)
        for batch_rows, images in corpus.images(on_failure=on_failure):
            for row, pixels in zip(batch_rows, images, strict=True):
                add(row["sha256"], pixels, int(row["label"]), row["source"])
    for folder in authentic:
        found = find_images([folder])
        for failure in found.failures:
            _report(failure, on_failure)
        for image in decode_many(found.paths):
            if isinstance(image, ImageFailure):
                _report(image, on_failure)
            else:
                add(image.sha256, image.pixels, 0, folder.resolve().name)
    pool = Pool(
        tuple(pixels for pixels, _, _ in rows.values()),
        np.array([label for _, label, _ in rows.values()], np.int64),
        tuple(source for _, _, source in rows.values()),
        tuple(rows),
        trim_bottom,
    )
    if set(pool.labels.tolist()) != {0, 1}:
        raise CorpusError("training needs authentic and synthetic images; these corpora hold only one kind")
    return pool


def _report(failure: ImageFailure, on_failure: Callable[[ImageFailure], None] | None) -> None:
    if on_failure is None:
        raise CorpusError(failure.message)
    on_failure(failure)


def split_pool(pool: Pool, share: float, seed: int) -> tuple[Pool, Pool]:
    """(rest, held-out share) of a pool, the same share of every source.

    Which images are held out depends on their hashes and the seed only: not on their order, nor on other sources.
    Each source keeps at least one image on either side, if it has two.
    """
    held: list[int] = []
    for source in sorted(set(pool.sources)):
        members = [i for i, name in enumerate(pool.sources) if name == source]
        members.sort(key=lambda i: sha256_bytes(f"{seed} {pool.sha256[i]}".encode()))
        n = min(max(round(len(members) * share), 1), len(members) - 1)
        held += members[:n]
    chosen = set(held)
    return pool.take([i for i in range(len(pool)) if i not in chosen]), pool.take(sorted(chosen))
