"""Pools of images that were never taken, and a detector trained on one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forensics.core.files import sha256_bytes
from forensics.corpus.pools.pool import Pool, split_pool
from forensics.detectors.fitting.engine import TrainingOptions, train_detector
from forensics.detectors.fitting.fitted_on import write_fitted_on


def made_up(sources: Sequence[str]) -> Pool:
    """A pool of blank images; a source that begins with `real` is authentic."""
    labels = np.array([not s.startswith("real") for s in sources], np.int64)
    n = len(sources)
    return Pool(
        tuple(np.full((64, 64, 3), i % 256, np.uint8) for i in range(n)),
        labels,
        tuple(sources),
        tuple(sha256_bytes(f"{i}".encode()) for i in range(n)),
        phash=tuple(np.random.default_rng(i).bytes(32).hex() for i in range(n)),
        origins=tuple((f"{i}",) for i in range(n)),
    )


def tiny(folder: Path) -> Any:
    """A frequency detector trained on gradients and on noise of 64 px, in `folder`/detector."""
    rng = np.random.default_rng(0)
    pool = made_up(["real"] * 10 + ["gan"] * 10)
    ramp = np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (1, 64, 3))
    images = [ramp if y == 0 else rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for y in pool.labels]
    pool = Pool(tuple(images), pool.labels, pool.sources, pool.sha256)
    detector = train_detector("frequency", pool, folder / "detector", TrainingOptions(work=folder / "work"))
    write_fitted_on(folder / "detector", *split_pool(pool, 0.2, 0))
    return detector
