"""The sheets of images of a latent study, each with a table of what is where on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forensics.images import contact_sheet
from forensics.report.exhibits import Exhibits
from forensics.report.rows import Row
from forensics.studies.latent.rows import DimensionRow, RankedDimension, ScalingRow
from forensics.studies.latent.sweeps import FACTORS, PUBLISHED_DIMENSIONS, MovedLatents

_LIMITS = (20.0, 100.0, 1000.0)  # the published study's figure 22
_SHEET_IMAGES, _TOP_ROWS, _LIMIT_COLUMNS = 8, 8, 8


@dataclass(frozen=True)
class Sheet:
    """A sheet of images as a data: URI, the dimensions on it, and those of them that the published study describes."""

    uri: str
    dims: Sequence[int]
    published: Sequence[int] = ()


@dataclass(frozen=True)
class LimitRow(Row):
    """One image of the sheet of limits: a dimension, what was added, and how far a pixel changes (RMS, grey levels)."""

    dim: int
    delta: float
    pixel_change: float


def scaling_sheet(exhibits: Exhibits, moved: MovedLatents, space: str, rows: Sequence[ScalingRow]) -> str:
    """A line a factor, the same latents in each; `rows` are those of the scaling table."""
    n = min(_SHEET_IMAGES, moved.plan.images)
    images = [image for f in FACTORS for image in moved.pixels_of(moved.scaled(space, f)[:n])]
    name = f"scaling-{space.replace(' ', '').replace('-', '-minus-')}"
    exhibits.table(name, [row for row in rows if row.space == space], ("space", "factor", "radius"))
    return exhibits.sheet(name, contact_sheet(images, n))


def top_sheet(exhibits: Exhibits, moved: MovedLatents, rows: Sequence[RankedDimension]) -> Sheet:
    """For the first dimensions of `rows` a line: four latents, each less delta, unchanged, plus delta."""
    first = rows[:_TOP_ROWS]
    n = min(4, moved.plan.images)
    images = []
    for row in first:
        less, more = (moved.pixels_of(moved.moved(row.dim, s * moved.plan.delta)[:n]) for s in (-1, 1))
        images += [image for i in range(n) for image in (less[i], moved.pixels[i], more[i])]
    exhibits.table("dimensions-images", first)
    return Sheet(
        exhibits.sheet("dimensions-images", contact_sheet(images, 3 * n)), [row.dim for row in first]
    )


def limit_sheet(exhibits: Exhibits, moved: MovedLatents, dimensions: Sequence[DimensionRow]) -> Sheet:
    """The published figure of too large deltas: unchanged, then + 20, + 100 and + 1000, a column a dimension."""
    published = [dim for dim in PUBLISHED_DIMENSIONS if dim < moved.ws.shape[2]]
    others = [row.dim for row in dimensions if row.dim not in published]
    dims = (published + others)[:_LIMIT_COLUMNS]
    before = moved.pixels[0]
    images, rows = [before] * len(dims), []
    for delta in _LIMITS:
        for dim in dims:
            image = moved.pixels_of(moved.moved(dim, delta)[:1])[0]
            change = float(np.sqrt(np.square(image.astype(np.float64) - before).mean()))
            images.append(image)
            rows.append(LimitRow(dim, delta, change))
    exhibits.table("limits", rows)
    return Sheet(exhibits.sheet("limits", contact_sheet(images, len(dims))), dims, published)
