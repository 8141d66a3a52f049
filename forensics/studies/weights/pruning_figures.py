"""The figures of a pruning sweep: every curve over the same thresholds, and where the network is fragile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.studies.weights.knee import Knee

Rows = Sequence[Mapping[str, Any]]

# column -> (title, colour); the first two are the study's, in its order
CURVES = {
    "nonzero": ("weights that are not zero", plots.SERIES[0]),
    "d_probability": ("discriminator: mean probability of real", plots.SERIES[1]),
    "feature_distance": ("feature distance to the unpruned images (1 − cosine)", plots.SERIES[2]),
    "kid": ("KID to the unpruned images", plots.SERIES[3]),
    "pixel_change": ("change of a pixel (RMS, grey levels of 255)", plots.SERIES[4]),
    "face_yield": ("share of images with a face", plots.SERIES[6]),
    "face_similarity": ("similarity to the unpruned face (cosine)", plots.SERIES[6]),
    "log10_lr": ("detector: mean log10 LR, higher = more likely synthetic", plots.SERIES[7]),
}


def column(rows: Rows, name: str) -> np.ndarray:
    """A column as float64 [n], NaN where a row lacks it."""
    return np.array([np.nan if row.get(name) is None else float(row[name]) for row in rows])


def known_curves(rows: Rows) -> list[str]:
    """The columns that have at least two numbers."""
    return [name for name in CURVES if (~np.isnan(column(rows, name))).sum() > 1]


def curves(exhibits: Exhibits, name: str, rows: Rows, knees: Mapping[str, Knee | None]) -> str:
    """One panel a curve, all over the same thresholds; a dashed line and a dot at the knee."""
    names = known_curves(rows)
    x = column(rows, "threshold")
    with plots.figure(8.4, 1.45 * len(names) + 0.5) as (drawing, _):
        drawing.clear()
        panels = drawing.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
        for ax, curve in zip(panels, names, strict=True):
            title, colour = CURVES[curve]
            y = column(rows, curve)
            known = ~np.isnan(y)
            ax.plot(x[known], y[known], color=colour, lw=1.3, marker="o" if known.sum() < 12 else None, ms=3)
            found = knees.get(curve)
            if found is not None:
                ax.axvline(found.x, color=plots.NEUTRAL, lw=0.8, ls=(0, (4, 3)))
                ax.plot([found.x], [found.y], "o", color=colour, ms=4.5)
                title += f"; knee at {found.x:.3f}"
            ax.set_title(title, fontsize=8.5, pad=4)
            ax.margins(x=0.01)
            if curve == "nonzero":
                ax.set_ylim(0, None)
            elif curve == "face_yield":
                ax.set_ylim(-0.06, 1.06)
            if curve == "nonzero":
                ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}".replace(",", " "))
        panels[-1].set_xlabel("pruning threshold on the stored weights")
        return exhibits.figure(name, drawing)


def fragility(exhibits: Exhibits, name: str, rows: Rows, kind: str, measure: str) -> str:
    """A heat map of `measure`: a line a layer or block in network order, a column a threshold in its own sigmas."""
    names = list(dict.fromkeys(row[kind] for row in rows))
    sigmas = list(dict.fromkeys(row["sigmas"] for row in rows))
    values = column(rows, measure).reshape(len(names), len(sigmas))
    top = max(float(np.nanmax(values)), 1e-12)
    with plots.figure(6.2, 0.2 * len(names) + 1.0) as (drawing, (ax,)):
        ax.pcolormesh(values, cmap="Oranges", vmin=0, vmax=1.15 * top, edgecolors="white", linewidth=0.8)
        for i, line in enumerate(values):
            for j, value in enumerate(line):
                ax.text(
                    j + 0.5, i + 0.5, f"{value:.3f}", ha="center", va="center", fontsize=6.5, color="#111111"
                )
        ax.set_yticks(np.arange(len(names)) + 0.5, [_short(n) for n in names], fontsize=7)
        shown = column(rows, "share_left").reshape(values.shape).mean(axis=0)
        labels = [f"{s:g} σ\n{100 * share:.0f} % left" for s, share in zip(sigmas, shown, strict=True)]
        ax.set_xticks(np.arange(len(sigmas)) + 0.5, labels)
        ax.invert_yaxis()
        ax.grid(False)
        return exhibits.figure(name, drawing)


def _short(name: str) -> str:
    parts = [
        part for part in name.split(".") if part not in ("Src_Net", "synthesis", "weight", "weight_orig")
    ]
    return ".".join(parts)
