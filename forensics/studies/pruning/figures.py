"""The figures of a pruning sweep: every curve over the same thresholds, and where the network is fragile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.report.rows import Row
from forensics.studies.pruning.knee import Knee
from forensics.studies.pruning.sweep import FragilityRow, SweepRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# column -> (title, colour); the first two are the published study's, in its order
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
_LEAST_BEND = 0.15  # of a knee that is marked: one that bends less may be noise


def column(rows: Sequence[Row], name: str) -> np.ndarray:
    """A column as float64 [n], NaN where a row lacks it."""
    values = (getattr(row, name) for row in rows)
    return np.array([np.nan if value is None else float(value) for value in values])


def known_curves(rows: Sequence[SweepRow]) -> list[str]:
    """The columns that have at least two numbers."""
    return [name for name in CURVES if (~np.isnan(column(rows, name))).sum() > 1]


def curves(exhibits: Exhibits, name: str, rows: Sequence[SweepRow], knees: Mapping[str, Knee | None]) -> str:
    """One panel a curve, all over the same thresholds; a dashed line and a dot at a knee that is clear."""
    names = known_curves(rows)
    with plots.figure(8.4, 1.45 * len(names) + 0.5) as (drawing, _):
        axes = plots.panels(drawing, len(names), 1, sharex=True)
        for ax, curve in zip(axes, names, strict=True):
            _curve(ax, curve, rows, knees.get(curve))
        for ax in axes[:-1]:
            ax.tick_params(labelbottom=False)
        axes[-1].set_xlabel("pruning threshold on the stored weights")
        return exhibits.figure(name, drawing)


def _curve(ax: Axes, curve: str, rows: Sequence[SweepRow], knee: Knee | None) -> None:
    title, colour = CURVES[curve]
    x, y = column(rows, "threshold"), column(rows, curve)
    known = ~np.isnan(y)
    ax.plot(x[known], y[known], color=colour, lw=1.3, marker="o" if known.sum() < 12 else None, ms=3)
    if knee is not None and abs(knee.bend) >= _LEAST_BEND:
        ax.axvline(knee.x, color=plots.NEUTRAL, lw=0.8, ls=(0, (4, 3)))
        ax.plot([knee.x], [knee.y], "o", color=colour, ms=4.5)
        title += f"; knee at {knee.x:.3f}"
    ax.set_title(title, fontsize=8.5, pad=4)
    ax.margins(x=0.01)
    if curve == "face_yield":
        ax.set_ylim(-0.06, 1.06)
    elif curve == "nonzero":
        ax.set_ylim(0, None)
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}".replace(",", " "))


def fragility(exhibits: Exhibits, name: str, rows: Sequence[FragilityRow]) -> str:
    """A heat map of the feature distance: a line a layer or block in network order, a column a threshold in its own
    sigmas."""
    names = list(dict.fromkeys(row.name for row in rows))
    sigmas = list(dict.fromkeys(row.sigmas for row in rows))
    values = column(rows, "feature_distance").reshape(len(names), len(sigmas))
    top = max(float(np.nanmax(values)), 1e-12)
    with plots.figure(6.2, 0.25 * len(names) + 1.0) as (drawing, (ax,)):
        # Half of the colour scale only: black digits stay readable on its darkest cell.
        ax.pcolormesh(values, cmap="Oranges", vmin=0, vmax=2 * top, edgecolors="white", linewidth=0.8)
        for i, line in enumerate(values):
            for j, value in enumerate(line):
                ax.text(
                    j + 0.5, i + 0.5, f"{value:.3f}", ha="center", va="center", fontsize=8, color="#111111"
                )
        ax.set_yticks(np.arange(len(names)) + 0.5, [_short(n) for n in names], fontsize=8)
        left = column(rows, "share_left").reshape(values.shape).mean(axis=0)
        labels = [f"{s:g} σ\n{100 * share:.0f} % left" for s, share in zip(sigmas, left, strict=True)]
        ax.set_xticks(np.arange(len(sigmas)) + 0.5, labels)
        ax.invert_yaxis()
        ax.grid(False)
        return exhibits.figure(name, drawing)


def _short(name: str) -> str:
    left_out = ("Src_Net", "synthesis", "weight", "weight_orig")
    return ".".join(part for part in name.split(".") if part not in left_out)
