"""Do two networks differ? Permutation tests on yield and confidence, with walks as the exchangeable unit.

Images of a walk are nearly copies of one another, so exchanging images between networks would make p values far too
small. What is exchanged is whole walks: if the networks do not differ, any division of the walks into two groups of the
same sizes was as likely as the one found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

import numpy as np

from forensics.report.rows import Row
from forensics.studies.walks.percent_yield import Outcome

RESAMPLES = 200_000
MEASURES = {"yield": "share of images with a face", "confidence": "mean score, 0.00 where no face"}


@dataclass(frozen=True)
class Comparison(Row):
    """Two networks on one measure: means over walks, their difference, the two-sided p value, `p_holm` (corrected for
    all comparisons of the study, Holm 1979), and `p_least`, the smallest p that so few walks can give."""

    a: str
    b: str
    measure: str
    mean_a: float
    mean_b: float
    difference: float
    p: float
    p_holm: float
    p_least: float
    walks_a: int
    walks_b: int
    exact: bool

    @property
    def words(self) -> str:
        """The measure in words."""
        return MEASURES[self.measure]


def compare(outcomes: Mapping[str, Outcome], seed: int) -> list[Comparison]:
    """Every pair of networks on every measure."""
    compared = [
        _compared((a, b), measure, _by_walk(outcomes[a], measure), _by_walk(outcomes[b], measure), seed)
        for a, b in combinations(outcomes, 2)
        for measure in MEASURES
    ]
    corrected = holm([row.p for row in compared])
    return [replace(row, p_holm=p) for row, p in zip(compared, corrected, strict=True)]


def _by_walk(outcome: Outcome, measure: str) -> np.ndarray:
    values = outcome.has_face if measure == "yield" else outcome.scores
    means: np.ndarray = values.mean(axis=1)
    return means


def _compared(names: tuple[str, str], measure: str, a: np.ndarray, b: np.ndarray, seed: int) -> Comparison:
    p, exact = permutation_p(a, b, seed)
    divisions = comb(len(a) + len(b), len(a))
    least = min(1.0, 2 / divisions) if exact else 2 / (RESAMPLES + 1)
    means = float(a.mean()), float(b.mean())
    sizes = len(a), len(b)
    return Comparison(*names, measure, *means, means[1] - means[0], p, p, least, *sizes, exact)


def permutation_p(a: np.ndarray, b: np.ndarray, seed: int) -> tuple[float, bool]:
    """Two-sided p of the difference of means of a [n] and b [m], and whether all divisions were tried or 200,000 drawn.
    With fewer than two walks in all on a side that could be exchanged, 1."""
    from scipy.stats import permutation_test

    exact = comb(len(a) + len(b), len(a)) <= RESAMPLES
    if np.ptp(np.concatenate([a, b])) == 0:
        return 1.0, exact  # every division gives the same difference
    result = permutation_test(
        (a, b),
        lambda x, y, axis: np.mean(y, axis=axis) - np.mean(x, axis=axis),
        permutation_type="independent",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=20_000,
        random_state=np.random.default_rng(seed),
    )
    return float(result.pvalue), exact


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down correction, each at most 1."""
    order = np.argsort(p_values, kind="stable")
    corrected = np.zeros(len(p_values))
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = running
    return [float(p) for p in corrected]
