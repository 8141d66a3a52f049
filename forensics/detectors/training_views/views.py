"""The views of a pool that a detector is fitted to and calibrated on, and the folds that keep the two apart.

Cross-fitted (`crossed_views`), every image is shown several times: as it is, with the JPEG history of the photographs,
with another one, degraded, and made smaller. Both classes pass the same draws, with one exception that makes them
equal: where the photographs of a pool have been JPEG files at a larger size and the generated images have not
(`jpeg_before`), the latter are given that history before anything else. As they are, without it, they are never
learned from; they do count in the calibration.

A likelihood ratio compares like with like. Photographs of a source without generated counterparts (another size,
another framing) are learned from, and the thresholds heed them, but the calibration is fitted to the rest: they would
make it bolder. The same holds of self-made images, and of the photographs beside them: how easily they are told apart
says nothing about generators at large.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from forensics.core.files import sha256_bytes
from forensics.corpus.pools.pool import Pool
from forensics.detectors.calibration import Floats
from forensics.detectors.training_views.augmentation import Augmentation, degraded
from forensics.detectors.training_views.folds import FOLDS, folds_of
from forensics.detectors.training_views.jpeg_history import with_jpeg_history
from forensics.images.views import Pixels

SMALLEST_PX: Final = 64  # shorter side of the smallest views
_DEGRADED: Final = 3
_DRAWS: Final = ("as it is", "equal history", "another history", *("degraded",) * _DEGRADED, "smaller")
MOST_DRAWS: Final = len(_DRAWS)
LEAST_DRAWS: Final = 3
_CALIBRATION: Final = (0.4, 0.2, 0.08, *(0.08,) * _DEGRADED, 0.08)  # what each draw counts
_HISTORY_QUALITY: Final = (60, 95)
_HISTORY_SCALES: Final = (2.0, 2.5, 3.0)
_CHROMA: Final = ("4:2:0", "4:4:4")
_SMALLER_PX: Final = (SMALLEST_PX, 176)
_FILTERS: Final = (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS)
_DEGRADE: Final = Augmentation(history_p=0.0)
_COMPRESS: Final = Augmentation(history_p=0.0, resize_p=0.0)
_HELD_OUT: Final = Augmentation(resize_p=0.5, jpeg_p=0.7)
_HELD_OUT_DRAWS: Final = 4  # as it is, and three times degraded
_WEIGHT_AS_IT_IS: Final = 0.5  # what the first of them counts; the rest share the other half


@dataclass(frozen=True)
class Views:
    """`draws` views uint8 [h, w, 3] of each image of a pool in turn, and arrays [n · draws] about them."""

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

    def with_equal_history(self) -> tuple[Pixels, ...]:
        """Of crossed views, those uint8 [h, w, 3] in [0, 255] of each image with the photographs' JPEG history, if
        any is given.
        """
        return tuple(self.images[1 :: self.draws])

    def balanced(self) -> Floats:
        """float64 [n · draws] training weights: each class half of the sum, its sources by the square root of their
        size.

        Times their `share`; [n] is the number of images.
        """
        weights = np.zeros(len(self.labels))
        for label in (0, 1):
            for source in np.unique(self.sources[self.labels == label]):
                rows = (self.labels == label) & (self.sources == source)
                weights[rows] = self.training[rows] * len(np.unique(self.group[rows])) ** 0.5
                weights[rows] *= self.share[rows] / self.training[rows].sum()
            weights[self.labels == label] *= 0.5 / weights[self.labels == label].sum()
        return weights


def crossed_views(pool: Pool, seed: int, jpeg_before: int = 0, draws: int = MOST_DRAWS) -> Views:
    """The views that a pool is cross-fitted with. Each depends on (seed, image, draw) only.

    `jpeg_before`: the JPEG quality that generated images are given at 1024 px, 0 for none. `draws`: how many views of
    each image, from 3; the first are as it is, with an equal history, with another, then degraded.
    """
    images: list[Pixels] = []
    for pixels, sha256, label in zip(pool.images, pool.sha256, pool.labels, strict=True):
        images += _views(pixels, sha256, seed, jpeg_before if label == 1 else 0)[:draws]
    training = np.ones((len(pool), draws))
    training[:, 0] = 0.0 if jpeg_before else 1.0
    counts = np.array(_CALIBRATION[:draws]) * draws / sum(_CALIBRATION[:draws])
    return _views_of(pool, images, folds_of(pool, seed), counts, training.ravel())


def held_out_views(pool: Pool, seed: int, draws: int = _HELD_OUT_DRAWS) -> Views:
    """Each image of a held-out pool as it is and `draws` − 1 times degraded, alike for both classes."""
    images = [
        degraded(image, sha256, draw, seed + 1, _HELD_OUT)
        for image, sha256 in zip(pool.images, pool.sha256, strict=True)
        for draw in range(draws)
    ]
    share = [_WEIGHT_AS_IT_IS, *[(1 - _WEIGHT_AS_IT_IS) / max(draws - 1, 1)] * (draws - 1)]
    fold = np.zeros(len(pool), np.int64)
    for label in (0, 1):
        rows = pool.labels == label
        fold[rows] = np.arange(rows.sum()) % FOLDS
    return _views_of(pool, images, fold, np.array(share) * draws, np.ones(len(images)))


def with_equal_history(pool: Pool, jpeg_before: int) -> Pool:
    """The pool with the photographs' JPEG history given to its generated images (a quality; 0: as it is)."""
    if not jpeg_before:
        return pool
    pairs = zip(pool.images, pool.labels, strict=True)
    return replace(pool, images=tuple(with_jpeg_history(x, jpeg_before) if y == 1 else x for x, y in pairs))


def _views_of(
    pool: Pool, images: list[Pixels], fold: NDArray[np.int64], counts: Floats, training: Floats
) -> Views:
    draws, sources = len(counts), np.array(pool.sources, dtype=str)
    return Views(
        images=images,
        labels=np.repeat(pool.labels, draws),
        sources=np.repeat(sources, draws),
        group=np.repeat(np.arange(len(pool)), draws),
        fold=np.repeat(fold, draws),
        training=training,
        counts=np.tile(counts, len(pool)),
        paired=np.repeat(~np.isin(sources, pool.unpaired), draws),
        draws=draws,
        share=np.repeat(pool.weights(), draws),
    )


def _views(pixels: Pixels, sha256: str, seed: int, jpeg_before: int) -> list[Pixels]:
    def rng(draw: int) -> np.random.Generator:
        return np.random.default_rng(int(sha256_bytes(f"{seed} {draw} {sha256}".encode())[:16], 16))

    equal = with_jpeg_history(pixels, jpeg_before) if jpeg_before else pixels
    views = [pixels, equal, _another_history(pixels, rng(2))]
    smallest = min(SMALLEST_PX, *pixels.shape[:2])
    for draw in range(3, 3 + _DEGRADED):
        views.append(_DEGRADE.degrade(equal if draw % 3 else views[2], rng(draw), max(smallest, 96)))
    views.append(_smaller(equal, rng(len(_DRAWS) - 1)))
    return [view if draw < 2 else _mirrored(view, rng(100 + draw)) for draw, view in enumerate(views)]


def _another_history(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    quality = int(rng.integers(_HISTORY_QUALITY[0], _HISTORY_QUALITY[1] + 1))
    return with_jpeg_history(pixels, quality, str(rng.choice(_CHROMA)), float(rng.choice(_HISTORY_SCALES)))


def _smaller(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    shorter = min(pixels.shape[:2])
    wanted = int(rng.integers(_SMALLER_PX[0], _SMALLER_PX[1] + 1))
    scale = min(1.0, wanted / shorter)
    size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    image = Image.fromarray(pixels).resize(size, _FILTERS[int(rng.integers(len(_FILTERS)))])
    return _COMPRESS.degrade(np.asarray(image), rng, min(image.size))


def _mirrored(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return np.ascontiguousarray(pixels[:, ::-1]) if rng.random() < 0.5 else pixels
