"""libjpeg's quantisation tables, and the quality whose table is nearest to another encoder's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def jpeg_quality(tables: Sequence[Sequence[int]]) -> int:
    """The libjpeg quality, 1 to 100, whose luminance table is nearest to `tables[0]` (64 values, natural order).

    Nearest in mean |log ratio|; the table of another encoder gets the quality of like coarseness.
    """
    table = np.log(np.maximum(np.asarray(tables[0], dtype=np.float64), 1))
    away = np.abs(np.log([jpeg_table(quality) for quality in range(1, 101)]) - table).mean(axis=1)
    return 1 + int(away.argmin())


def jpeg_table(quality: int) -> tuple[int, ...]:
    """libjpeg's luminance quantisation table at `quality` 1 to 100, 64 values in natural order."""
    scale_percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(int(v) for v in np.clip((_TABLE_K1 * scale_percent + 50) // 100, 1, 255))


_TABLE_K1 = np.array(
    [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29,
        51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121,
        120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ],
    dtype=np.float64,
)  # fmt: skip
