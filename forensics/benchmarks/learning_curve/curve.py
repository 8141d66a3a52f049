"""The points of a learning curve, their means over seeds, and the power law through them.

For each seed the training images are put in an order, and each size takes the first of every source in proportion: the
subsets of one seed are nested. Calibration and test pools are the same throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.files import sha256_bytes
from forensics.corpus.pools.pool import Pool
from forensics.metrics.auc import area_under_roc
from forensics.metrics.weighted import once, replicates

SMALLEST: Final = 40
N_BOOTSTRAP: Final = 1000


@dataclass(frozen=True)
class CurvePoint:
    """One training: `scores` are log10 LRs of the test pool, float64 [n], in its order."""

    size: int
    seed: int
    n_authentic: int
    n_synthetic: int
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class CurveMean:
    """The mean AUC of all seeds at one size, its 95 % interval over test images (every seed's detector on the same
    replicate), and the standard deviation between seeds."""

    part: str
    size: int
    auc: float
    low: float
    high: float
    sd_between_seeds: float | None  # of one seed it is not known
    n_seeds: int
    n_authentic: int
    n_synthetic: int


def sizes_of(n: int, smallest: int = SMALLEST) -> tuple[int, ...]:
    """Halvings of n down to `smallest`, rising."""
    sizes = [n]
    while sizes[-1] // 2 >= smallest:
        sizes.append(sizes[-1] // 2)
    return tuple(sizes[::-1])


def nested(pool: Pool, size: int, seed: int) -> list[int]:
    """Rows of a subset of `size` images, the same share of every source and one at least; nested in `size`."""
    chosen: list[int] = []
    for source in sorted(set(pool.sources)):
        rows = [i for i, name in enumerate(pool.sources) if name == source]
        rows.sort(key=lambda i: sha256_bytes(f"{seed} {pool.sha256[i]}".encode()))
        chosen += rows[: max(1, round(len(rows) * size / len(pool)))]
    return sorted(chosen)


def parts_of(tested: Pool) -> dict[str, NDArray[np.bool_]]:
    """Part → which test images: all, and each synthetic source against all authentic ones.

    bool [n] each, 0 or 1.
    """
    sources = np.array(tested.sources)
    parts = {"all": np.ones(len(tested), bool)}
    synthetic = sorted(set(sources[tested.labels == 1].tolist()))
    for name in synthetic if len(synthetic) > 1 else ():
        parts[name] = (sources == name) | (tested.labels == 0)
    return parts


def means_over_seeds(
    points: Sequence[CurvePoint], tested: Pool, n_bootstrap: int = N_BOOTSTRAP
) -> list[CurveMean]:
    """The curve of each part, sizes rising."""
    curve = []
    for part, chosen in parts_of(tested).items():
        labels = tested.labels[chosen]
        n = int((labels == 0).sum()), int((labels == 1).sum())
        for size in sorted({p.size for p in points}):
            scores = [p.scores[chosen] for p in points if p.size == size]
            aucs = np.array([float(area_under_roc(once(of_seed, labels))[0]) for of_seed in scores])
            drawn = [_bootstrap_aucs(of_seed, labels, n_bootstrap) for of_seed in scores]
            low, high = np.percentile(np.mean(drawn, axis=0), (2.5, 97.5))
            sd = float(aucs.std(ddof=1)) if len(aucs) > 1 else None
            curve.append(
                CurveMean(part, size, float(aucs.mean()), float(low), float(high), sd, len(aucs), *n)
            )
    return curve


def _bootstrap_aucs(
    scores: NDArray[np.float64], labels: NDArray[np.int64], n_bootstrap: int
) -> NDArray[np.float64]:
    data = once(scores, labels)
    blocks = replicates(data.authentic, data.synthetic, n_bootstrap, 0)
    return np.concatenate([area_under_roc(block) for block in blocks])


def power_law(curve: Sequence[CurveMean]) -> tuple[float, float] | None:
    """(a, b) of 1 − AUC = a · n^−b by least squares on logarithms.

    None where the error is 0 or does not fall at every step: nothing is read into a curve that is noise.
    """
    errors = np.array([1 - m.auc for m in curve])
    if len(curve) < 3 or (errors <= 0).any() or (np.diff(errors) >= 0).any():
        return None
    slope, offset = np.polyfit(np.log([m.size for m in curve]), np.log(errors), 1)
    return float(np.exp(offset)), float(-slope)
