"""What moving a dimension of w does, effect by effect: columns, ranks, and the dimensions that do most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Rows = Sequence[Mapping[str, Any]]
# effect -> how a page calls it; the first is the one the dimensions are sorted by
EFFECTS = {
    "feature_distance": "Feature distance",
    "pixel_change": "Change of a pixel (RMS, grey levels)",
    "identity_change": "Change of identity (1 − cosine of embeddings)",
    "log10_lr_change": "Change of the detector's log10 LR (absolute)",
}
_STRONGEST = 8


def effect(rows: Rows, name: str) -> np.ndarray:
    """A column float64 [n], NaN where a row lacks it; identity change is 1 - similarity."""
    if name == "identity_change":
        return 1 - effect(rows, "face_similarity")
    return np.array([float(row.get(name, np.nan)) for row in rows])


def known_effects(rows: Rows) -> list[str]:
    """The effects that at least one row has a number for."""
    return [name for name in EFFECTS if not np.isnan(effect(rows, name)).all()]


def ranked(rows: Rows) -> list[dict[str, Any]]:
    """`rows` with `rank` (their order) and, of every other effect known, `rank_EFFECT`, 1 where it is largest; None
    where the row has no number (no image kept its face)."""
    found = [{"rank": i, **row} for i, row in enumerate(rows, 1)]
    for name in known_effects(rows)[1:]:
        values = effect(rows, name)
        for place, i in enumerate(np.argsort(-values, kind="stable"), 1):
            found[int(i)][f"rank_{name}"] = None if np.isnan(values[i]) else place
    return found


def strongest(rows: Rows) -> list[dict[str, Any]]:
    """A line an effect: its `title`, and the `dims` that have most of it, with `values`, largest first."""
    lines = []
    for name in known_effects(rows):
        values = effect(rows, name)
        order = [int(i) for i in np.argsort(-values, kind="stable")[:_STRONGEST] if not np.isnan(values[i])]
        lines.append(
            {
                "effect": name,
                "title": EFFECTS[name],
                "dims": [rows[i]["dim"] for i in order],
                "values": [float(values[i]) for i in order],
            }
        )
    return lines
