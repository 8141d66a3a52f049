"""The sheets of images of a latent study, each with a table of what is where on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forensics.images import contact_sheet
from forensics.report.exhibits import Exhibits
from forensics.studies.latent.sweeps import FACTORS, PUBLISHED_DIMENSIONS, LatentResult, MovedLatents

_LIMITS = (20.0, 100.0, 1000.0)  # the study's figure 22
_SHEET_IMAGES, _TOP_ROWS, _LIMIT_COLUMNS = 8, 8, 8


def scaling_sheet(
    exhibits: Exhibits, moved: MovedLatents, space: str, rows: Sequence[Mapping[str, Any]]
) -> str:
    """A line a factor, the same latents in each; `rows` are those of the scaling table."""
    n = min(_SHEET_IMAGES, moved.plan.images)
    images = [image for f in FACTORS for image in moved.pixels_of(moved.scaled(space, f)[:n])]
    name = f"scaling-{space.replace(' ', '').replace('-', '-minus-')}"
    exhibits.table(name, [row for row in rows if row["space"] == space], ("space", "factor", "radius"))
    return exhibits.sheet(name, contact_sheet(images, n))


def top_sheet(exhibits: Exhibits, moved: MovedLatents, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """For the first dimensions of `rows` a line: four latents, each less delta, unchanged, plus delta."""
    shown = rows[:_TOP_ROWS]
    n = min(4, moved.plan.images)
    images = []
    for row in shown:
        less, more = (moved.pixels_of(moved.moved(row["dim"], s * moved.plan.delta)[:n]) for s in (-1, 1))
        images += [image for i in range(n) for image in (less[i], moved.pixels[i], more[i])]
    exhibits.table("dimensions-images", [{k: v for k, v in row.items() if k != "map"} for row in shown])
    sheet = contact_sheet(images, 3 * n)
    return {"uri": exhibits.sheet("dimensions-images", sheet), "dims": [row["dim"] for row in shown]}


def limit_sheet(exhibits: Exhibits, moved: MovedLatents, result: LatentResult) -> dict[str, Any]:
    """The study's figure of too large deltas: unchanged, then + 20, + 100 and + 1000, a column a dimension."""
    known = [dim for dim in PUBLISHED_DIMENSIONS if dim < moved.ws.shape[2]]
    ranked = [row["dim"] for row in result.dimensions if row["dim"] not in known]
    dims = (known + ranked)[:_LIMIT_COLUMNS]
    before = moved.pixels[0]
    images, places = [before] * len(dims), []
    for delta in _LIMITS:
        for dim in dims:
            image = moved.pixels_of(moved.moved(dim, delta)[:1])[0]
            change = float(np.sqrt(np.square(image.astype(np.float64) - before).mean()))
            images.append(image)
            places.append({"dim": dim, "delta": delta, "pixel_change": change})
    exhibits.table("limits", places)
    return {
        "uri": exhibits.sheet("limits", contact_sheet(images, len(dims))),
        "dims": dims,
        "published": known,
    }
