"""The sheets of images of a sweep: a grid at every few thresholds, and a strip of the first images of some."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from forensics.images import contact_sheet, decode
from forensics.report.exhibits import Exhibits
from forensics.studies.pruning.sweep import SweepPlan, SweepRow

GRID_COLUMNS, GRID_GAP_PX = 8, 4
PUBLISHED_STRIP = (0.0, 0.3, 0.4, 0.5, 0.7, 1.0)  # of the published figure of images


def grid_path(out: Path, threshold: float) -> Path:
    """Where the image grid of a threshold is."""
    return out / "grids" / f"threshold-{threshold:.3f}.png"


def strip(exhibits: Exhibits, plan: SweepPlan, sweep: Sequence[SweepRow]) -> tuple[str, list[str]]:
    """The first images at the thresholds of the published figure, or at those with grids that are nearest, as a data:
    URI, and the thresholds in words."""
    grids = plan.thresholds[:: plan.every]
    chosen = sorted({min(grids, key=lambda g: abs(g - wanted * plan.stop)) for wanted in PUBLISHED_STRIP})
    lines = [_first_line(exhibits.folder, threshold, min(GRID_COLUMNS, plan.images)) for threshold in chosen]
    sheet = contact_sheet([image for line in lines for image in line], len(lines[0]), GRID_GAP_PX)
    exhibits.table("strip", [row for row in sweep if row.threshold in chosen])
    return exhibits.sheet("strip", sheet), [f"{threshold:g}" for threshold in chosen]


def _first_line(out: Path, threshold: float, n: int) -> list[np.ndarray]:
    pixels = decode(grid_path(out, threshold)).pixels
    side = (pixels.shape[1] - GRID_GAP_PX) // n - GRID_GAP_PX
    left = [GRID_GAP_PX + i * (side + GRID_GAP_PX) for i in range(n)]
    return [pixels[GRID_GAP_PX : GRID_GAP_PX + side, x : x + side] for x in left]
