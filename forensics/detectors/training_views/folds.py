"""Folds of a pool: images that hang together share one, and each source is spread evenly over them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.files import sha256_bytes
from forensics.corpus.pools.grouping import Trace, groups_of
from forensics.corpus.pools.pool import Pool

FOLDS: Final = 5


def folds_of(pool: Pool, seed: int) -> NDArray[np.int64]:
    """int64 [n] in 0 to 4: a fold for each image of a pool."""
    traces = [
        Trace(sha256, pool.phash[i] if pool.phash else "", pool.origins[i] if pool.origins else ())
        for i, sha256 in enumerate(pool.sha256)
    ]
    groups = groups_of(traces)
    fold: dict[str, int] = {}
    # What calibrates first, in an order of its own images: what is added to a pool leaves the folds of the rest alone.
    for source in sorted(set(pool.sources), key=lambda name: (name in pool.unpaired, name)):
        first: dict[str, str] = {}
        for image_source, name, sha256 in zip(pool.sources, groups, pool.sha256, strict=True):
            if image_source == source and name not in fold:
                first[name] = min(first.get(name, sha256), sha256)
        ordered = sorted(first, key=lambda name: sha256_bytes(f"{seed} {first[name][:16]}".encode()))
        fold |= {name: number % FOLDS for number, name in enumerate(ordered)}
    return np.array([fold[name] for name in groups], np.int64)
