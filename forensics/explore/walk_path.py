"""Where a walk through W has come to, without taking every step again at each picture."""

from __future__ import annotations

import numpy as np

from forensics.explore.settings import MAX_STEPS, PictureWalk
from forensics.recipes.walked import step_directions

_FIRST_DRAW = 256


class WalkPath:
    """The offset from the start of any walk in `dim` dimensions. It depends on the walk alone, not on what was asked
    before; the last walk is remembered, so that going on with it costs its new steps only."""

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._drawn_for: tuple[int, str] | None = None
        self._directions = np.zeros((0, dim), np.float32)
        self._taken = np.zeros(0, np.float32)
        self._offset = np.zeros(dim)

    def offset(self, walk: PictureWalk) -> np.ndarray:
        """Sum of step times direction over all steps, float32 [dim]; directions as in `forensics walk`.

        Any value that is finite.
        """
        steps = np.repeat(
            np.array([step for step, _ in walk.legs], np.float32), [count for _, count in walk.legs]
        )
        done = len(self._taken)
        if self._drawn_for != (walk.seed, walk.direction) or not np.array_equal(steps[:done], self._taken):
            done, self._offset = 0, np.zeros(self._dim)
        moved = self._drawn(walk, len(steps))[done:] * steps[done:, None]
        # One by one in float64, as a walk's corpus adds them: the order of the sum is always the same.
        self._offset = np.cumsum(np.vstack([self._offset, moved]), axis=0, dtype=np.float64)[-1]
        self._taken = steps
        return self._offset.astype(np.float32)

    def _drawn(self, walk: PictureWalk, n: int) -> np.ndarray:
        """The first n directions of the walk; how many are drawn at a time does not change them."""
        if self._drawn_for != (walk.seed, walk.direction) or n > len(self._directions):
            ahead = min(max(_FIRST_DRAW, 2 * n), MAX_STEPS)
            self._directions = step_directions(walk.direction, ahead, self._dim, walk.seed, 0)
            self._drawn_for = (walk.seed, walk.direction)
        return self._directions[:n]
