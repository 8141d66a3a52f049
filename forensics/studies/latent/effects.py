"""What moving a dimension of w does, effect by effect: columns, ranks, and the dimensions that do most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forensics.report.rows import Row
from forensics.studies.latent.rows import DimensionRow, RankedDimension

# effect -> how a page calls it; the first is the one the dimensions are sorted by
EFFECTS = {
    "feature_distance": "Feature distance",
    "pixel_change": "Change of a pixel (RMS, grey levels)",
    "identity_change": "Change of identity (1 − cosine of embeddings)",
    "log10_lr_change": "Change of the detector's log10 LR (absolute)",
}
_STRONGEST = 8


def effect(rows: Sequence[DimensionRow], name: str) -> np.ndarray:
    """A column float64 [n], NaN where a row lacks it; identity change is 1 - similarity."""
    if name == "identity_change":
        return 1 - effect(rows, "face_similarity")
    values = (getattr(row, name) for row in rows)
    return np.array([np.nan if value is None else float(value) for value in values])


def known_effects(rows: Sequence[DimensionRow]) -> list[str]:
    """The effects that at least one row has a number for."""
    return [name for name in EFFECTS if not np.isnan(effect(rows, name)).all()]


def ranked(rows: Sequence[DimensionRow]) -> list[RankedDimension]:
    """`rows` with their rank in every effect that is known; by feature distance they are in order."""
    ranks: list[dict[str, Any]] = [{} for _ in rows]
    for name in known_effects(rows)[1:]:
        values = effect(rows, name)
        for place, i in enumerate(np.argsort(-values, kind="stable"), 1):
            ranks[int(i)][f"rank_{name}"] = None if np.isnan(values[i]) else place
    pairs = enumerate(zip(rows, ranks, strict=True), 1)
    return [RankedDimension(rank=i, **vars(row), **its_ranks) for i, (row, its_ranks) in pairs]


@dataclass(frozen=True)
class StrongestRow(Row):
    """The dimensions with most of an effect, largest first, and how much."""

    effect: str
    title: str
    dims: list[int]
    values: list[float]


def strongest(rows: Sequence[DimensionRow]) -> list[StrongestRow]:
    """A line an effect that is known."""
    lines = []
    for name in known_effects(rows):
        values = effect(rows, name)
        order = [int(i) for i in np.argsort(-values, kind="stable")[:_STRONGEST] if not np.isnan(values[i])]
        dims, amounts = [rows[i].dim for i in order], [float(values[i]) for i in order]
        lines.append(StrongestRow(name, EFFECTS[name], dims, amounts))
    return lines
