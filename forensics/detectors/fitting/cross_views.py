"""The views of a pool that a detector is fitted to and calibrated on, and the folds that keep the two apart.

Every image is shown several times: as it is, with the past of the photographs, with other pasts, degraded, and made
smaller. Both classes pass the same draws, with one exception that makes them equal: where the photographs of a pool
have been JPEG files at a larger size and the generated images have not (`synthetic_past`), the latter are given that
past before anything else. As they are, without it, they are never learned from; they do count in the calibration.

A likelihood ratio compares like with like: photographs of a source without generated counterparts (another size,
another framing) are learned from, and the thresholds heed them, but calibrated is on the others. They would make it
bolder. The same holds of self-made images, and of the photographs beside them: how easily they are told apart says
nothing about generators at large.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from forensics.core.files import sha256_bytes
from forensics.corpus.pools.grouping import Trace, groups_of
from forensics.corpus.pools.pool import Pool
from forensics.detectors.contract import Floats, Pixels
from forensics.detectors.fitting.augmentation import Augmentation
from forensics.detectors.fitting.jpeg_past import with_past

FOLDS: Final = 5
SMALLEST_PX: Final = 64  # shorter side of the smallest views
_DEGRADED: Final = 3
_DRAWS: Final = ("as it is", "equal past", "another past", *("degraded",) * _DEGRADED, "smaller")
_CALIBRATION: Final = (0.4, 0.2, 0.08, *(0.08,) * _DEGRADED, 0.08)  # what each draw counts
_PAST_QUALITY: Final = (60, 95)
_PAST_SCALES: Final = (2.0, 2.5, 3.0)
_CHROMA: Final = ("4:2:0", "4:4:4")
_SMALLER_PX: Final = (SMALLEST_PX, 176)
_FILTERS: Final = (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS)
_DEGRADE: Final = Augmentation(past_p=0.0)
_COMPRESS: Final = Augmentation(past_p=0.0, resize_p=0.0)


@dataclass(frozen=True)
class CrossViews:
    """`draws` views of each image in turn: images, and [n] labels, source, fold, and what each counts."""

    images: list[Pixels]
    labels: NDArray[np.int64]
    sources: NDArray[np.str_]
    group: NDArray[np.int64]  # which image of the pool
    fold: NDArray[np.int64]
    training: Floats  # 1, or 0 for a view that is not learned from
    counts: Floats  # in calibration and thresholds, one on average
    paired: NDArray[np.bool_]  # whether it calibrates
    draws: int
    share: Floats  # of its source's weight: 1, or less for self-made images and the photographs beside them

    def balanced(self) -> Floats:
        """float64 [n] training weights: each class half of the sum, its sources by the square root of their size,
        times their `share`."""
        weights = np.zeros(len(self.labels))
        for label in (0, 1):
            for source in np.unique(self.sources[self.labels == label]):
                rows = (self.labels == label) & (self.sources == source)
                weights[rows] = self.training[rows] * len(np.unique(self.group[rows])) ** 0.5
                weights[rows] *= self.share[rows] / self.training[rows].sum()
            weights[self.labels == label] *= 0.5 / weights[self.labels == label].sum()
        return weights


def cross_views(pool: Pool, seed: int, synthetic_past: int = 0) -> CrossViews:
    """The views of a pool. Each depends on (seed, image, draw) only; `synthetic_past`: a JPEG quality, 0 for none."""
    images: list[Pixels] = []
    for pixels, sha256, label in zip(pool.images, pool.sha256, pool.labels, strict=True):
        images += _views(pixels, sha256, seed, synthetic_past if label == 1 else 0)
    n, draws = len(pool), len(_DRAWS)
    paired = ~np.isin(np.array(pool.sources, dtype=str), pool.unpaired)
    training = np.ones((n, draws))
    training[:, 0] = 0.0 if synthetic_past else 1.0
    return CrossViews(
        images=images,
        labels=np.repeat(pool.labels, draws),
        sources=np.repeat(np.array(pool.sources, dtype=str), draws),
        group=np.repeat(np.arange(n), draws),
        fold=np.repeat(folds_of(pool, seed), draws),
        training=training.ravel(),
        counts=np.tile(np.array(_CALIBRATION) * draws, n),
        paired=np.repeat(paired, draws),
        draws=draws,
        share=np.repeat(pool.weights(), draws),
    )


def with_equal_past(pool: Pool, synthetic_past: int) -> Pool:
    """The pool with the photographs' past given to its generated images (a JPEG quality; 0: as it is)."""
    if not synthetic_past:
        return pool
    images = zip(pool.images, pool.labels, strict=True)
    return replace(
        pool, images=tuple(with_past(pixels, synthetic_past) if y == 1 else pixels for pixels, y in images)
    )


def _views(pixels: Pixels, sha256: str, seed: int, past: int) -> list[Pixels]:
    def rng(draw: int) -> np.random.Generator:
        return np.random.default_rng(int(sha256_bytes(f"{seed} {draw} {sha256}".encode())[:16], 16))

    equal = with_past(pixels, past) if past else pixels
    found = [pixels, equal, _another_past(pixels, rng(2))]
    smallest = min(SMALLEST_PX, *pixels.shape[:2])
    for draw in range(3, 3 + _DEGRADED):
        found.append(_DEGRADE.degrade(equal if draw % 3 else found[2], rng(draw), max(smallest, 96)))
    found.append(_smaller(equal, rng(len(_DRAWS) - 1)))
    return [view if draw < 2 else _mirrored(view, rng(100 + draw)) for draw, view in enumerate(found)]


def _another_past(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    quality = int(rng.integers(_PAST_QUALITY[0], _PAST_QUALITY[1] + 1))
    return with_past(pixels, quality, str(rng.choice(_CHROMA)), float(rng.choice(_PAST_SCALES)))


def _smaller(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    shorter = min(pixels.shape[:2])
    wanted = int(rng.integers(_SMALLER_PX[0], _SMALLER_PX[1] + 1))
    scale = min(1.0, wanted / shorter)
    size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    image = Image.fromarray(pixels).resize(size, _FILTERS[int(rng.integers(len(_FILTERS)))])
    return _COMPRESS.degrade(np.asarray(image), rng, min(image.size))


def _mirrored(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return np.ascontiguousarray(pixels[:, ::-1]) if rng.random() < 0.5 else pixels


def folds_of(pool: Pool, seed: int) -> NDArray[np.int64]:
    """A fold [n] for each image: images that hang together share one, each source is spread evenly."""
    traces = [
        Trace(sha256, pool.phash[i] if pool.phash else "", pool.origins[i] if pool.origins else ())
        for i, sha256 in enumerate(pool.sha256)
    ]
    groups = groups_of(traces)
    fold: dict[str, int] = {}
    # What calibrates first, in an order of its own images: what is added to a pool leaves the folds of the rest alone.
    for source in sorted(set(pool.sources), key=lambda name: (name in pool.unpaired, name)):
        first: dict[str, str] = {}
        for own, name, sha256 in zip(pool.sources, groups, pool.sha256, strict=True):
            if own == source and name not in fold:
                first[name] = min(first.get(name, sha256), sha256)
        ordered = sorted(first, key=lambda name: sha256_bytes(f"{seed} {first[name][:16]}".encode()))
        fold |= {name: number % FOLDS for number, name in enumerate(ordered)}
    return np.array([fold[name] for name in groups], np.int64)
