"""How far along a direction the first monster is: a scan outward, then a bisection between the last radius of the scan
that still held the face and the first that did not.

The face can come back farther out, so that a bisection from the outer end would find any of several borders. The scan
finds the first one that is wider than its steps; a monster that comes and goes between two of its radii is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Look = Callable[[Sequence[tuple[int, float]]], Sequence[float]]


@dataclass(frozen=True)
class Loss:
    """`radius` of the nearest monster that was seen (None: the face was kept up to the last radius), `kept_at` the
    largest radius before it with a face, `score` of the monster, `back_at` the first radius of the scan beyond at which
    the face is there again (None: it stays away)."""

    radius: float | None
    kept_at: float
    score: float | None
    back_at: float | None


def first_losses(radii: Sequence[float], look: Look, n: int, limit: float, halvings: int) -> list[Loss]:
    """The first loss along each of `n` directions; a face is lost where its score is under `limit`.

    `look` gives the scores of (direction, radius) pairs; `radii` ascend. All directions are bisected together, one
    batch a halving. Radius 0 is the same point in every direction.
    """
    at = [0.0, *radii]
    scores = list(look([(i, r) for i in range(n) for r in at]))
    scans = [scores[i * len(at) : (i + 1) * len(at)] for i in range(n)]
    first = [next((k for k, score in enumerate(scan) if score < limit), None) for scan in scans]
    low = [at[k - 1] if k else 0.0 for k in first]
    high = [at[k] if k is not None else None for k in first]
    seen = [None if k is None else scan[k] for k, scan in zip(first, scans, strict=True)]
    open_ = [i for i, k in enumerate(first) if k]
    for _ in range(halvings):
        middles = [(i, (low[i] + _known(high[i])) / 2) for i in open_]
        for (i, middle), score in zip(middles, look(middles), strict=True):
            if score < limit:
                high[i], seen[i] = middle, score
            else:
                low[i] = middle
    back = [_back(at, scan, k, limit) for scan, k in zip(scans, first, strict=True)]
    last_with_face = [low[i] if high[i] is not None else at[-1] for i in range(n)]
    return [Loss(*row) for row in zip(high, last_with_face, seen, back, strict=True)]


def _known(value: float | None) -> float:
    assert value is not None
    return value


def _back(at: Sequence[float], scan: Sequence[float], lost: int | None, limit: float) -> float | None:
    if lost is None:
        return None
    return next((r for r, score in zip(at[lost:], scan[lost:], strict=True) if score >= limit), None)
