"""Pools of labelled images, split so that no image is in two.

A pool holds its images decoded; training sets of some thousand small faces fit in memory, larger ones do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import DetectorError
from forensics.core.files import sha256_bytes

Pixels = NDArray[np.uint8]

FITTED: Final = ("train", "calibrate")  # of five pools, those that a detector may be fitted on
# Cross-fitted, 480 self-made images beside 706: at 1 they cost StyleGAN3 an AUC of 0.013 as it is, 0.034 shrunk, at ¼
# 0.002 and 0.013; at the threshold 0.94 of them are caught then, instead of 0.96.
SELF_MADE_WEIGHT: Final = 0.25


@dataclass(frozen=True)
class Pool:
    """Images (uint8 [H, W, 3], views at working size), labels int64 [n] (1 synthetic), sources and file hashes.

    `phash` and `origins` tell what else an image must not be parted from (see `forensics.corpus.likeness`); `places`
    are the pool and group that a split fixed beforehand gives each image; `families` what was done to each (see
    `forensics.corpus.families`). All four are [n], or empty where not known.
    """

    images: tuple[Pixels, ...]
    labels: NDArray[np.int64]
    sources: tuple[str, ...]
    sha256: tuple[str, ...]
    trimmed: float = 0.0  # share of the height that was cut off the bottom of every image
    phash: tuple[str, ...] = ()
    origins: tuple[tuple[str, ...], ...] = ()
    places: tuple[tuple[str, str], ...] = ()
    families: tuple[str, ...] = ()
    unpaired: tuple[str, ...] = ()  # sources that are learned from and do not calibrate
    self_made: tuple[
        str, ...
    ] = ()  # of these, those of generators at hand and of the photographs beside them
    self_made_weight: float = 1.0  # what an image of theirs counts in training, beside 1

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> Pool:
        """The pool of these rows, in this order. `indices` int64 [n] in [0, len)."""
        chosen = [int(i) for i in indices]
        return Pool(
            tuple(self.images[i] for i in chosen),
            self.labels[chosen],
            tuple(self.sources[i] for i in chosen),
            tuple(self.sha256[i] for i in chosen),
            self.trimmed,
            tuple(self.phash[i] for i in chosen if self.phash),
            tuple(self.origins[i] for i in chosen if self.origins),
            tuple(self.places[i] for i in chosen if self.places),
            tuple(self.families[i] for i in chosen if self.families),
            self.unpaired,
            self.self_made,
            self.self_made_weight,
        )

    def at_most(self, n: int) -> Pool:
        """The pool with at most `n` images of each source: those whose hashes are smallest, in their order."""
        first: list[int] = []
        for source in sorted(set(self.sources)):
            members = [i for i, name in enumerate(self.sources) if name == source]
            first += sorted(members, key=lambda i: self.sha256[i])[:n]
        return self.take(sorted(first))

    def is_self_made(self) -> NDArray[np.bool_]:
        """bool [n], 0 or 1: whether each image is of a self-made source, photographs among them."""
        return np.isin(np.array(self.sources, dtype=str), self.self_made)

    def weights(self) -> NDArray[np.float64]:
        """float64 [n]: what each image counts in training."""
        return np.where(self.is_self_made(), self.self_made_weight, 1.0)

    def placed(self, places: Mapping[str, tuple[str, str]], wanted: Sequence[str]) -> Pool:
        """The images that `places` (sha256 → pool and group) puts into one of the `wanted` pools, with their places.

        `split_pool` then parts `calibrate` from the rest and draws nothing.
        """
        rows = [i for i, sha256 in enumerate(self.sha256) if places.get(sha256, ("",))[0] in wanted]
        return replace(self.take(rows), places=tuple(places[self.sha256[i]] for i in rows))

    def counts(self) -> dict[str, int]:
        """Images by source, sorted."""
        names, counts = np.unique(np.array(self.sources, dtype=str), return_counts=True)
        return {str(name): int(count) for name, count in zip(names, counts, strict=True)}

    def fingerprint(self) -> str:
        """SHA-256 over the hashes, labels and training weights of its images, in order, and what was cut off them."""
        rows = zip(self.sha256, self.labels, self.weights(), strict=True)
        lines = "".join(f"{sha} {label}{'' if w == 1 else f' {w:g}'}\n" for sha, label, w in rows)
        return sha256_bytes(f"{self.trimmed:g}\n{lines}".encode())


def split_pool(pool: Pool, share: float, seed: int) -> tuple[Pool, Pool]:
    """(rest, held-out share) of a pool, the same share of every source.

    Which images are held out depends on their hashes and the seed only: not on their order, nor on other sources.
    Each source keeps at least one image on either side, if it has two. Where the pool's `places` were fixed beforehand,
    those in `calibrate` are held out, and share and seed decide nothing.
    """
    if pool.places:
        apart = np.array([name == "calibrate" for name, _ in pool.places])
        if not apart.any() or apart.all():
            raise DetectorError(
                "the pools that were fixed beforehand leave none to train or none to calibrate on"
            )
        return pool.take(np.flatnonzero(~apart)), pool.take(np.flatnonzero(apart))
    held: list[int] = []
    for source in sorted(set(pool.sources)):
        members = [i for i, name in enumerate(pool.sources) if name == source]
        members.sort(key=lambda i: sha256_bytes(f"{seed} {pool.sha256[i]}".encode()))
        n = min(max(round(len(members) * share), 1), len(members) - 1)
        held += members[:n]
    chosen = set(held)
    return pool.take([i for i in range(len(pool)) if i not in chosen]), pool.take(sorted(chosen))
