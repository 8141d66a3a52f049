"""Values with their intervals in coloured cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forensics.benchmarks.measured import Measured

_LOW, _HIGH = np.array([247, 236, 214]), np.array([23, 97, 127])  # colours of chance and of 1


@dataclass(frozen=True)
class HeatCell:
    """A value in [0, 1] with its interval, and CSS colours."""

    value: float
    low: float
    high: float
    background: str
    ink: str


@dataclass(frozen=True)
class HeatRow:
    """A slice: its name in words, its images, and a cell a perturbation."""

    name: str
    n: int
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class HeatTable:
    """AUC by slice (rows) and perturbation (columns)."""

    columns: tuple[str, ...]
    rows: tuple[HeatRow, ...]


def heat_cell(value: float, low: float, high: float, chance: float = 0.5) -> HeatCell:
    """A value in [0, 1] with its interval and colours; at `chance` and below the colour is that of nothing."""
    share = float(np.clip((value - chance) / (1 - chance), 0, 1)) ** 2  # most of the scale for the upper end
    r, g, b = _LOW + share * (_HIGH - _LOW)
    return HeatCell(value, low, high, f"rgb({r:.0f} {g:.0f} {b:.0f})", "#fff" if share > 0.55 else "#1f2125")


def heat_table(measured: Sequence[Measured]) -> HeatTable:
    """The table of what was measured of one detector."""
    rows: dict[tuple[str, str], list[Measured]] = {}
    for m in measured:
        rows.setdefault((m.kind, m.name), []).append(m)
    columns = tuple(dict.fromkeys(m.perturbation for m in measured))
    return HeatTable(columns, tuple(_row(kind, name, cells) for (kind, name), cells in rows.items()))


def _row(kind: str, name: str, cells: Sequence[Measured]) -> HeatRow:
    sizes = cells[0].auc.n_authentic, cells[0].auc.n_synthetic
    n = sum(sizes) if kind == "all" else sizes[0] if kind == "authentic" else sizes[1]
    return HeatRow(
        slice_name(kind, name), n, tuple(heat_cell(m.auc.value, m.auc.low, m.auc.high) for m in cells)
    )


def slice_name(kind: str, name: str) -> str:
    """A slice in words."""
    if kind in ("psi", "recipe", "radius", "family"):
        return f"{kind} {name}"
    return {"all": "all", "source": name}.get(kind, f"{name} (authentic)")
