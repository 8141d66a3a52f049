"""D(x) against D(G(z)) over the snapshots of a run, as figures, tables and a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from forensics.core.evidence import evidence, recorded
from forensics.core.files import write_text
from forensics.generators.training.monitoring import curves
from forensics.generators.training.monitoring.discriminator_outputs import BINS, Histograms
from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.report.page import render
from forensics.studies.equilibrium.measurement import (
    EquilibriumPlan,
    equilibrium_rows,
    overlap,
)

_COLUMNS, _PANEL_PX = 3, 420


@recorded
def study_equilibrium(
    snapshots: Sequence[Path], out: Path, data: Path | None, plan: EquilibriumPlan, *, workers: int = 1
) -> dict[str, Any]:
    """Do (or finish) the equilibrium figure of `snapshots` (files, or the folder of a run) below `out`; returns a
    summary. ForensicsError: see `equilibrium_rows`."""
    rows = equilibrium_rows(snapshots, data, out, plan, workers=workers)
    found = [_measured(row) for row in rows]
    exhibits = Exhibits(out)
    exhibits.table("equilibrium", found)
    exhibits.table("histograms", _bins(rows))
    inputs = {row["file"]: row["sha256"] for row in rows if row["sha256"]}
    asked = [
        row["data_sha256"] for row in rows if "data_sha256" in row
    ]  # the same for all; a log says nothing
    if asked:
        inputs["photographs"] = asked[0]
    options = {"images": plan.images, "device": plan.device}
    record = evidence(inputs, {"latents": plan.seed}, options)
    context = {
        "title": "D(x) against D(G(z))",
        "rows": found,
        "histograms": histograms(exhibits, "histograms", rows, found),
        "course": course(exhibits, "equilibrium", found) if len(found) > 1 else None,
        "bins": BINS,
        "width_px": _PANEL_PX * min(_COLUMNS, len(rows)),
        "evidence": record.lines(),
    }
    page = out / "equilibrium.html"
    write_text(page, render("equilibrium.html", context))
    record.write(out)
    return {"out": str(out), "report": str(page), "snapshots": found}


def _measured(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the table: overlap, and the means of both histograms (to a bin's width)."""
    centres = (np.arange(BINS) + 0.5) / BINS
    means = {f"mean_{k}": float(np.average(centres, weights=row[k])) for k in ("real", "fake")}
    n = {f"n_{k}": sum(row[k]) for k in ("real", "fake")}
    share = {f"overlap_{k}" if k != "value" else "overlap": v for k, v in _overlap(row).items()}
    return {"file": row["file"], "kimg": row["kimg"], **share, **means, **n}


def _overlap(row: dict[str, Any]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in asdict(overlap(row["real"], row["fake"])).items()}


def _bins(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "file": row["file"],
            "kimg": row["kimg"],
            "from": i / BINS,
            "to": (i + 1) / BINS,
            "real": row["real"][i],
            "fake": row["fake"][i],
        }
        for row in rows
        for i in range(BINS)
    ]


def _named(row: dict[str, Any]) -> str:
    return row["file"] if row["kimg"] is None else f"{row['kimg']:g} kimg"


def histograms(
    exhibits: Exhibits, name: str, rows: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]
) -> str:
    """The two histograms of every snapshot, drawn as the training's page draws them, all on one scale."""
    lines = -(-len(rows) // _COLUMNS)
    columns = min(_COLUMNS, len(rows))
    with plots.figure(2.95 * columns, 2.5 * lines) as (drawing, _):
        drawing.clear()
        grid = drawing.subplots(lines, columns, squeeze=False, sharey=True)
        for ax in grid.flat[len(rows) :]:
            ax.set_axis_off()
        for ax, row, own in zip(grid.flat, rows, found, strict=False):
            curves.histogram(ax, Histograms(row["kimg"] or 0, row["real"], row["fake"]))
            ax.set_title(f"{_named(row)}: overlap {own['overlap']:.2f}")
            ax.get_legend().remove()
        for ax in grid[:, 1:].flat:
            ax.set_ylabel("")
        tallest = max(100 * max(row[k]) / max(sum(row[k]), 1) for row in rows for k in ("real", "fake"))
        grid.flat[0].set_ylim(0, 1.22 * tallest)  # room for the legend
        grid.flat[0].legend(loc="upper center", ncols=2)
        return exhibits.figure(name, drawing)


def course(exhibits: Exhibits, name: str, found: Sequence[dict[str, Any]]) -> str:
    """Overlap with its interval over the training, and what samples of one distribution would have."""
    known = all(row["kimg"] is not None for row in found)
    x = np.array([row["kimg"] if known else i for i, row in enumerate(found)])
    y, low, high, one = (
        np.array([row[k] for row in found])
        for k in ("overlap", "overlap_low", "overlap_high", "overlap_of_one")
    )
    with plots.figure(5.6, 2.9) as (drawing, (ax,)):
        ax.errorbar(
            x, y, [y - low, high - y], color=plots.SERIES[0], marker="o", ms=3.5, lw=1.4, label="overlap"
        )
        ax.plot(x, one, color=plots.NEUTRAL, lw=0.9, ls=(0, (4, 3)), label="two samples of one distribution")
        ax.set(ylim=(0, 1.18), ylabel="overlap coefficient", xlabel="kimg" if known else "snapshot")
        ax.legend(loc="upper left", ncols=2)
        return exhibits.figure(name, drawing)


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """The summary for a terminal: a line a snapshot."""
    lines = [
        f"{_named(row):<26} overlap {row['overlap']:.2f} [{row['overlap_low']:.2f}, {row['overlap_high']:.2f}] "
        f"(one distribution: {row['overlap_of_one']:.2f})  D(x) {100 * row['mean_real']:.1f} %  "
        f"D(G(z)) {100 * row['mean_fake']:.1f} %  n {row['n_real']} + {row['n_fake']}"
        for row in summary["snapshots"]
    ]
    return [*lines, f"report: {summary['report']}"]
