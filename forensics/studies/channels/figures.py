"""The figure of a channel study and its sheet of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from forensics.generators.pruning.channels import RANKINGS
from forensics.images import decode
from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.studies.channels.rows import WHOLE, ChannelRow, sheet_path
from forensics.studies.channels.timing import SHARES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHEET_SHARES = (0.125, 0.25, 0.5)
_GAP_PX = 4
_TITLES = {
    "feature_distance": "Feature distance to the whole network's images",
    "kid": "KID to the whole network's images",
    "d_probability": "Discriminator: mean probability of real",
    "face_yield": "Share of images with a face",
    "face_similarity": "Similarity to the unpruned face (cosine)",
    "log10_lr": "Detector: mean log10 LR",
    "gflop": "Arithmetic left (% of the whole network's)",
}
_COLOURS = dict(zip(RANKINGS, (plots.SERIES[1], plots.SERIES[0], plots.NEUTRAL), strict=True))
_LABELS = {"style": "least important first by style", "norm": "by norm", "random": "at random"}


def quality(exhibits: Exhibits, name: str, rows: Sequence[ChannelRow]) -> str:
    """A panel a measure over the share of channels taken out, a curve a ranking; the arithmetic left in the last."""
    measures = [m for m in _TITLES if m == "kid" or not np.isnan(_value(rows[0], m))]
    ticks = [0, *(100 * share for share in SHARES)]
    with plots.figure(8.8, 2.3 * -(-len(measures) // 2) + 0.3) as (drawing, _):
        axes = plots.panels(drawing, len(measures))
        for ax, measure in zip(axes, measures, strict=True):
            _measure(ax, measure, rows)
            ax.set_title(_TITLES[measure], fontsize=8.5)
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.set_xlim(-2.5, ticks[-1] + 2.5)  # all alike: a measure may have no value at large shares
            ax.set_xlabel("channels taken out of every layer (%)" if ax in axes[-2:] else "")
        plots.legend_above(drawing, axes[0])
        return exhibits.figure(name, drawing)


def _measure(ax: Axes, measure: str, rows: Sequence[ChannelRow]) -> None:
    whole = rows[0]
    for ranking in RANKINGS if measure != "gflop" else RANKINGS[:1]:
        group = [whole, *(row for row in rows if row.ranking == ranking)]
        y = np.array([_value(row, measure) for row in group])
        y = 100 * y / whole.gflop if measure == "gflop" else y
        x = [100 * row.share for row in group]
        ax.plot(x, y, color=_COLOURS[ranking], marker="o", ms=3, lw=1.4, label=_LABELS[ranking])


def _value(row: ChannelRow, measure: str) -> float:
    value = getattr(row, measure)
    return float("nan") if value is None else float(value)


def sheet(exhibits: Exhibits, rows: Sequence[ChannelRow]) -> str:
    """The same images: whole, then fewer and fewer channels, as a data: URI."""
    chosen = [row for row in rows if row.ranking == WHOLE or _is_on_the_sheet(row)]
    lines = [decode(sheet_path(exhibits.folder, row)).pixels for row in chosen]
    # each sheet has a border of its own: one between two lines is enough
    joined = np.concatenate([line if i == 0 else line[_GAP_PX:] for i, line in enumerate(lines)])
    exhibits.table("channels-images", chosen, ("ranking", "share", "parameters", "gflop"))
    return exhibits.sheet("channels-images", joined)


def _is_on_the_sheet(row: ChannelRow) -> bool:
    return row.ranking == RANKINGS[0] and row.share in SHEET_SHARES
