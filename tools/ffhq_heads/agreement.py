"""How far two sets of pictures of the same latents agree, with intervals over the latents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS: Final = 1000


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval: latents drawn again with replacement, 1000 times."""

    value: float
    low: float
    high: float


def over_latents(n: int, value_of: Callable[[NDArray[np.int64]], float], draws: int = DRAWS) -> Estimate:
    """`value_of` all `n` latents (indices int64 [n], from 0), with the interval of resampled ones."""
    rng = np.random.default_rng(0)
    values = [value_of(rng.integers(n, size=n)) for _ in range(draws)]
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(*(round(float(x), 5) for x in (value_of(np.arange(n)), low, high)))


def mean_of(values: Floats) -> Estimate:
    """The mean of float64 [n] with its interval."""
    return over_latents(len(values), lambda chosen: float(values[chosen].mean()))


def psnr_db(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Floats:
    """PSNR in dB float64 [n] of uint8 [n, h, w, 3], picture by picture."""
    errors = [np.mean((x.astype(np.float64) - y) ** 2) for x, y in zip(a, b, strict=True)]
    return 10 * np.log10(255**2 / np.array(errors))


def paired_kid(x: Floats, y: Floats) -> Estimate:
    """KID of features float64 [n, d] of pictures of the same n latents, without bias.

    The terms of a latent with itself are left out of the cross sum too: sets that were drawn together share it, and
    with it the estimate would be too low. What the sets have in common then cancels, and few latents are enough.
    Source: Bińkowski et al. 2018 (arXiv 1801.01401), kernel (x.y / d + 1)^3; Gretton et al. 2012, lemma 6.
    """
    xx, yy, xy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    terms = xx + yy - xy - xy.T

    def value_of(chosen: NDArray[np.int64]) -> float:
        counts = np.bincount(chosen, minlength=len(terms)).astype(float)
        pairs = np.outer(counts, counts)
        np.fill_diagonal(
            pairs, 0
        )  # a latent drawn twice is no pair: its term is not one between independent draws
        return float((pairs * terms).sum() / pairs.sum())

    return over_latents(len(x), value_of, 300)


def _kernel(a: Floats, b: Floats) -> Floats:
    cube: Floats = (a @ b.T / a.shape[1] + 1) ** 3
    return cube


def mean_cosines(embeddings: Floats) -> Floats:
    """For each face the mean cosine float64 [n] to the others, of unit embeddings float64 [n, d].

    The mean of these is the mean over pairs. NaN rows, where there is no face, are left out and stay NaN.
    """
    known = ~np.isnan(embeddings).any(axis=1)
    faces = embeddings[known]
    means = np.full(len(embeddings), np.nan)
    means[known] = ((faces @ faces.sum(axis=0)) - 1) / (len(faces) - 1)
    return means


def cosine_difference(a: Floats, b: Floats) -> Estimate:
    """Mean pairwise cosine of `a` less that of `b`, unit embeddings float64 [n, d] of the same n latents."""
    known = ~(np.isnan(a).any(axis=1) | np.isnan(b).any(axis=1))
    terms = a[known] @ a[known].T - b[known] @ b[known].T

    def value_of(chosen: NDArray[np.int64]) -> float:
        counts = np.bincount(chosen, minlength=len(terms)).astype(float)
        pairs = np.outer(counts, counts)
        np.fill_diagonal(pairs, 0)
        return float((pairs * terms).sum() / pairs.sum())

    return over_latents(len(terms), value_of, 300)
