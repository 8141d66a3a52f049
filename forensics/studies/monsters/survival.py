"""How far the face survives, over the directions of a family: Kaplan-Meier estimates, because a direction that keeps
its face to the last radius that was looked at says only that its radius is larger than that one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Survival:
    """`share` of directions with a face beyond each of `radii` [k] (rising, from 0) with its 95 % interval `low`,
    `high` [k]; of `n` directions `lost` lost it, and the others were seen to `up_to` at least."""

    radii: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: int
    lost: int
    up_to: float

    def quantile(self, q: float) -> float | None:
        """The radius by which a share `q` of the directions has lost the face; None: more kept it to the end."""
        return _first_under(self.radii, self.share, 1 - q)

    @property
    def median_interval(self) -> tuple[float | None, float | None]:
        """95 % interval of the median by inverting that of the share (Brookmeyer & Crowley 1982); None: no bound."""
        return _first_under(self.radii, self.low, 0.5), _first_under(self.radii, self.high, 0.5)


def survival(radii: Sequence[float | None], up_to: Sequence[float]) -> Survival:
    """The estimate from each direction's radius (None: kept) and the largest radius it was followed to.

    Kaplan & Meier 1958, with pointwise intervals on the log-log scale (scipy.stats.ecdf).
    """
    from scipy.stats import CensoredData, ecdf

    lost = [r for r in radii if r is not None]
    censored = [end for r, end in zip(radii, up_to, strict=True) if r is None]
    end = max(up_to, default=0.0)
    if not lost:
        ends = np.array([0.0, end])
        return Survival(ends, np.ones(2), _none_lost(len(censored)), np.ones(2), len(censored), 0, end)
    estimate = ecdf(CensoredData(uncensored=lost, right=censored)).sf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no interval at shares of 1 and 0: handled below
        interval = estimate.confidence_interval(confidence_level=0.95, method="log-log")
    share = np.concatenate([[1.0], estimate.probabilities])
    low, high = (np.concatenate([[1.0], side.probabilities]) for side in (interval.low, interval.high))
    low, high = np.where(np.isnan(low), share, low), np.where(np.isnan(high), share, high)
    return Survival(np.concatenate([[0.0], estimate.quantiles]), share, low, high, len(radii), len(lost), end)


def _none_lost(n: int) -> np.ndarray:
    """Where no direction lost its face, the share that would is under 3 / n with 95 % confidence (rule of three)."""
    return np.array([1.0, max(0.0, 1 - 3 / n) if n else 0.0])


def _first_under(radii: np.ndarray, share: np.ndarray, level: float) -> float | None:
    under = np.nonzero(share <= level + 1e-12)[0]
    return float(radii[under[0]]) if len(under) else None
