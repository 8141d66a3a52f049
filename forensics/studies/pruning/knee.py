"""Where a curve bends: Kneedle's criterion on a smoothed curve.

Source: Satopää et al., "Finding a 'Kneedle' in a Haystack" (ICDCSW 2011), section III: on the curve scaled to the unit
square, the point furthest from the chord between its ends. Their online threshold is left out: here the whole curve is
known, and it has one knee at most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

METHOD = (
    "Kneedle (Satopää et al. 2011): the point furthest from the chord between the ends of the curve, both axes "
    "scaled to 0 ... 1, after a centred running median over 5 % of the points"
)
_WINDOW_SHARE = 0.05
_LEAST_BEND = 0.05
_LEAST_SPAN = 0.5  # of the range: a curve that comes back to where it began has no chord to bend from


@dataclass(frozen=True)
class Knee:
    """`x` and `y` (smoothed) at the knee; `bend` the distance from the chord in units of the unit square, > 0 where
    the curve keeps to its start and then leaves it, < 0 where it leaves at once and then levels off."""

    x: float
    y: float
    bend: float


def knee(x: ArrayLike, y: ArrayLike) -> Knee | None:
    """The knee of y over ascending x, [n] each, NaN left out; None where the curve is flat, nearly
    its chord, or ends near its start after a detour."""
    points, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    known = ~np.isnan(values)
    points, values = points[known], values[known]
    if len(points) < 3:
        return None
    smooth = running_median(values, max(1, round(_WINDOW_SHARE * len(points))))
    span = smooth[-1] - smooth[0]
    if points[-1] == points[0] or abs(span) <= _LEAST_SPAN * (smooth.max() - smooth.min()):
        return None
    below = (points - points[0]) / (points[-1] - points[0]) - (smooth - smooth[0]) / span
    best = int(np.argmax(np.abs(below)))
    if abs(below[best]) < _LEAST_BEND:
        return None
    return Knee(float(points[best]), float(smooth[best]), float(below[best]))


def running_median(values: np.ndarray, window: int) -> np.ndarray:
    """Centred running median over `window` points (made odd); at the ends over fewer, as symmetrically."""
    half = window // 2
    n = len(values)
    reach = np.minimum(half, np.minimum(np.arange(n), np.arange(n)[::-1]))
    return np.array([np.median(values[i - r : i + r + 1]) for i, r in enumerate(reach)])
