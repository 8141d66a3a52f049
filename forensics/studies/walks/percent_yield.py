"""How many images of a walk hold a face, how sure the face detector is, and how far that can be trusted.

Neighbouring images of a walk are nearly the same image, so images are no independent draws. Within a walk blocks of
consecutive images are drawn (circular block bootstrap, Politis & Romano 1992); over a network whole walks are drawn
(cluster bootstrap).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isqrt

import numpy as np

from forensics.report.rows import Row
from forensics.studies.walks.rows import WalkFace

RESAMPLES = 2000
BINS = 100
_LEVELS = (2.5, 97.5)


@dataclass(frozen=True)
class Outcome:
    """What the probe said along the walks of one network.

    `scores` (0.00: no face), `radius` and `log10_lr` (None: no detector was asked) are [walks, length], a row a walk.
    `faces` [k] are the flat indices of the images with a face and an embedding, `embeddings` [k, d] those, of length 1.
    """

    scores: np.ndarray
    radius: np.ndarray
    faces: np.ndarray
    embeddings: np.ndarray
    log10_lr: np.ndarray | None = None

    @property
    def has_face(self) -> np.ndarray:
        """1.0 where there is a face, 0.0 where there is none, float64 [walks, length]."""
        has_face: np.ndarray = (self.scores > 0).astype(np.float64)
        return has_face

    @property
    def length(self) -> int:
        """Images a walk."""
        return int(self.scores.shape[1])


def outcome_of(rows: Sequence[WalkFace], walks: int) -> Outcome:
    """The outcome that the rows of a network, walk after walk, describe."""
    faces = [i for i, row in enumerate(rows) if row.embedding]
    raw = [np.array(rows[i].embedding, dtype=np.float64) for i in faces]
    embeddings = (
        np.stack([e / max(float(np.linalg.norm(e)), 1e-12) for e in raw]) if raw else np.zeros((0, 0))
    )
    with_detector = rows[0].log10_lr is not None
    return Outcome(
        scores=np.array([row.score for row in rows]).reshape(walks, -1),
        radius=np.array([row.radius for row in rows]).reshape(walks, -1),
        faces=np.array(faces, dtype=np.int64),
        embeddings=embeddings,
        log10_lr=np.array([row.log10_lr for row in rows], float).reshape(walks, -1)
        if with_detector
        else None,
    )


@dataclass(frozen=True)
class Interval(Row):
    """A mean with its bootstrap 95 % interval."""

    value: float
    low: float
    high: float


def block_length(n: int) -> int:
    """Images a block: the square root of the walk's length, rounded down."""
    return isqrt(n)


def walk_interval(values: np.ndarray, seed: int) -> Interval:
    """Mean of one walk's `values` [n] in order, by the circular block bootstrap."""
    n = len(values)
    block = block_length(n)
    count = -(-n // block)
    starts = np.random.default_rng(seed).integers(0, n, (RESAMPLES, count))
    sums = np.cumsum(np.concatenate([[0.0], values, values[:block]]))
    means = (sums[starts + block] - sums[starts]).mean(axis=1) / block
    return _interval(float(values.mean()), means)


def network_interval(values: np.ndarray, seed: int) -> Interval:
    """Mean of `values` [walks, n] by drawing whole walks; of a single walk, by its blocks."""
    if len(values) == 1:
        return walk_interval(values[0], seed)
    of_walks = values.mean(axis=1)
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    return _interval(float(of_walks.mean()), of_walks[drawn].mean(axis=1))


def _interval(value: float, means: np.ndarray) -> Interval:
    low, high = np.percentile(np.round(means, 12), _LEVELS)
    return Interval(value, float(low), float(high))


@dataclass(frozen=True)
class Histogram:
    """Numbers of images by score: `counts` [BINS] between `edges` [BINS + 1] over 0 to 1, and `without` a face."""

    edges: np.ndarray
    counts: np.ndarray
    without: int


def histogram(scores: np.ndarray) -> Histogram:
    """Confidences of any shape; a score of 0.00 is no confidence but no face, and is counted apart."""
    counts, edges = np.histogram(scores[scores > 0], BINS, (0.0, 1.0))
    return Histogram(edges, counts, int((scores == 0).sum()))


def along(values: np.ndarray, bins: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """Means over all walks of `values` [walks, n] in `bins` stretches of the walk: (middle position, mean)."""
    edges = np.unique(np.linspace(0, values.shape[1], bins + 1).round().astype(int))
    stretches = [slice(a, b) for a, b in pairwise(edges)]
    middle = np.array([(s.start + s.stop - 1) / 2 for s in stretches])
    return middle, np.array([values[:, s].mean() for s in stretches])
