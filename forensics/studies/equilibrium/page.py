"""D(x) against D(G(z)) over the snapshots of a run, as figures, tables and a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forensics.core.evidence import Evidence
from forensics.core.files import write_text
from forensics.generators.training.monitoring.discriminator_outputs import BINS
from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.report.page import render
from forensics.studies.contract import Summary
from forensics.studies.equilibrium.rows import BinRow, OverlapRow, SnapshotRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS, _PANEL_PX = 3, 420


@dataclass(frozen=True)
class EquilibriumSummary(Summary):
    """A row a snapshot."""

    snapshots: list[OverlapRow]

    def lines(self) -> list[str]:
        """A line a snapshot."""
        return [*map(_line, self.snapshots), f"report: {self.report}"]


def _line(row: OverlapRow) -> str:
    return (
        f"{_moment(row):<26} overlap {row.overlap:.2f} [{row.overlap_low:.2f}, {row.overlap_high:.2f}] "
        f"(one distribution: {row.overlap_of_one:.2f})  D(x) {100 * row.mean_real:.1f} %  "
        f"D(G(z)) {100 * row.mean_fake:.1f} %  n {row.n_real} + {row.n_fake}"
    )


def _moment(row: SnapshotRow | OverlapRow) -> str:
    return row.file if row.kimg is None else f"{row.kimg:g} kimg"


def write_page(
    out: Path, rows: Sequence[SnapshotRow], overlaps: Sequence[OverlapRow], record: Evidence
) -> EquilibriumSummary:
    """Tables, figures, equilibrium.html and evidence.json in `out`."""
    exhibits = Exhibits(out)
    exhibits.table("equilibrium", overlaps)
    exhibits.table("histograms", [bin_ for row in rows for bin_ in _bins(row)])
    context = {
        "title": "D(x) against D(G(z))",
        "headline": _headline(overlaps),
        "rows": overlaps,
        "histograms": histograms(exhibits, "histograms", rows, overlaps),
        "course": course(exhibits, "equilibrium", overlaps) if len(overlaps) > 1 else None,
        "bins": BINS,
        "width_px": _PANEL_PX * min(_COLUMNS, len(rows)),
        "evidence": record.lines(),
    }
    page = out / "equilibrium.html"
    write_text(page, render("equilibrium.html", context))
    record.write(out)
    return EquilibriumSummary(str(out), str(page), list(overlaps))


def _headline(overlaps: Sequence[OverlapRow]) -> str:
    """The result in one sentence, for each network its last snapshot."""
    last = {row.network: row for row in overlaps}
    sentences = [
        f"{network}: what D says of photographs and of generated images overlaps by {row.overlap:.2f} "
        f"[{row.overlap_low:.2f}, {row.overlap_high:.2f}] at {_moment(row)}, where samples of one distribution would "
        f"by {row.overlap_of_one:.2f}."
        for network, row in last.items()
    ]
    return " ".join(sentences)


def _bins(row: SnapshotRow) -> list[BinRow]:
    edges = [i / BINS for i in range(BINS + 1)]
    counts = zip(edges, edges[1:], row.real, row.fake, strict=False)
    return [
        BinRow(row.file, row.kimg, start, end, real, fake, row.network) for start, end, real, fake in counts
    ]


def histograms(
    exhibits: Exhibits, name: str, rows: Sequence[SnapshotRow], overlaps: Sequence[OverlapRow]
) -> str:
    """The two histograms of every snapshot, a panel each, all on one scale."""
    several = len({row.network for row in rows}) > 1
    columns = min(_COLUMNS, len(rows))
    with plots.figure(2.95 * columns, 2.5 * -(-len(rows) // columns) + 0.3) as (drawing, _):
        axes = plots.panels(drawing, len(rows), columns, sharey=True)
        for ax, row, shared in zip(axes, rows, overlaps, strict=True):
            _histogram(ax, row)
            network = f"{row.network}\n" if several else ""
            ax.set_title(f"{network}{row.moment}: overlap {shared.overlap:.2f}")
        axes[0].set_ylim(0, 1.04 * max(ax.dataLim.y1 for ax in axes))
        plots.legend_above(drawing, axes[0], columns=min(2, len(rows)))  # a single panel is narrow
        return exhibits.figure(name, drawing)


def _histogram(ax: Axes, row: SnapshotRow) -> None:
    edges = np.linspace(0, 1, BINS + 1)
    for counts, label, colour in (
        (row.real, "photographs, D(x)", plots.AUTHENTIC),
        (row.fake, "generated images, D(G(z))", plots.SYNTHETIC),
    ):
        share = 100 * np.array(counts) / max(sum(counts), 1)
        ax.stairs(share, edges, color=colour, fill=True, alpha=0.45, label=label)
        ax.stairs(share, edges, color=colour, lw=1)
    ax.set(xlabel="probability of real", ylabel="% of images", xlim=(0, 1))


def course(exhibits: Exhibits, name: str, overlaps: Sequence[OverlapRow]) -> str:
    """Overlap with its interval over the training, a line a network, and that of two samples of one distribution."""
    known = all(row.kimg is not None for row in overlaps)
    networks = list(dict.fromkeys(row.network for row in overlaps))
    with plots.figure(5.6, 3.1) as (drawing, (ax,)):
        for network, colour in zip(networks, plots.SERIES, strict=False):
            group = [row for row in overlaps if row.network == network]
            x = [float(i if row.kimg is None or not known else row.kimg) for i, row in enumerate(group)]
            y = np.array([row.overlap for row in group])
            ends = [y - [row.overlap_low for row in group], [row.overlap_high for row in group] - y]
            ax.errorbar(x, y, np.maximum(ends, 0), color=colour, marker="o", ms=3.5, lw=1.4, label=network)
            one = [row.overlap_of_one for row in group]
            ax.plot(x, one, color=colour, lw=0.9, ls=(0, (4, 3)), label="two samples of one distribution")
        ax.set(ylim=(0, 1.02), ylabel="overlap coefficient", xlabel="kimg" if known else "snapshot")
        plots.legend_above(drawing, ax, columns=2)
        return exhibits.figure(name, drawing)
