"""The page of `forensics benchmark --matrix KIND`, its files, and its lines on stdout."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from forensics.benchmarks.matrix import SHARES, Cell, Matrix, MatrixPlan, run_matrix
from forensics.benchmarks.overlap import Exposure
from forensics.benchmarks.pages.heat import HeatCell, heat_cell
from forensics.benchmarks.slices import unequal_psi
from forensics.core.evidence import evidence, recorded
from forensics.core.files import sha256_file, write_json, write_text
from forensics.core.terminal import Progress, note, printable
from forensics.corpus.items import list_items
from forensics.corpus.pools.five_pools import Rules, make_pools, read_pools
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.loading import detector_class
from forensics.images import ImageFailure
from forensics.metrics.detection import Estimate, wilson
from forensics.report.page import render

POOLS = "pools.json"


@dataclass(frozen=True)
class MatrixOptions:
    """What a matrix is asked for with. `pools`: a split to obey instead of making one below `out`."""

    corpora: tuple[Path, ...]
    kind: str
    out: Path
    pools: Path | None = None
    trim_bottom: float = 0.0
    seed: int = 0
    device: str = "cpu"
    jpeg_before: int = 0


@dataclass(frozen=True)
class MatrixColumn:
    """A source of the test pool: its class, its images, and those of the other class."""

    name: str
    label: int
    n: int
    others: int


@dataclass(frozen=True)
class Share:
    """A share with its Wilson 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class MatrixCell:
    """A cell as the page shows it: `called` is the share called synthetic, `right` that of right verdicts."""

    auc: HeatCell
    cllr: Estimate
    called: Share
    right: HeatCell
    unseen: bool
    label: int


@recorded
def matrix_of(options: MatrixOptions, progress: Progress) -> tuple[Matrix, int]:
    """Split (unless pools are given), train, score, write all below `out`; and how many files could not be read."""
    detector_class(options.kind)  # an unknown kind is said before the long work
    listing = list_items(options.corpora)
    pools = options.pools or options.out / POOLS
    if options.pools is not None:
        with progress("looking for overlap", len(listing.items)) as meter:
            Exposure({}, pools).refuse(listing, meter.advance)
    elif not pools.exists():
        make_pools(options.corpora, pools, Rules(options.seed, SHARES))
    failures: list[ImageFailure] = []
    pool = read_pool(options.corpora, trim_bottom=options.trim_bottom, on_failure=failures.append)
    for failure in failures:
        note(f"error: {failure.message}")
    plan = MatrixPlan(
        options.kind,
        pool,
        read_pools(pools),
        options.out,
        options.seed,
        options.device,
        jpeg_before=options.jpeg_before,
    )
    matrix = run_matrix(plan, progress)
    if words := unequal_psi(listing.items):
        matrix = replace(matrix, notes=(*matrix.notes, words))
    for line in (*matrix.notes, *(f"left out: {line}" for line in matrix.left_out)):
        note(line)
    inputs = {"images": pool.fingerprint(), "pools": sha256_file(pools)}
    counts = {"in": len(listing.items), "decoded": len(pool), "failed": len(failures)}
    _write(matrix, options, inputs, counts)
    return matrix, len(failures)


def _write(
    matrix: Matrix, options: MatrixOptions, inputs: Mapping[str, str], counts: Mapping[str, int]
) -> None:
    settings = {
        "kind": options.kind,
        "trim_bottom": options.trim_bottom,
        "jpeg_before": options.jpeg_before,
        "device": options.device,
    }
    record = evidence(inputs, {"seed": options.seed}, settings)
    write_json(options.out / "matrix.json", matrix.to_json() | {"counts": counts})
    write_text(options.out / "matrix.csv", _table(matrix.cells))
    write_text(options.out / "report.html", matrix_page(matrix, record.lines()))
    record.write(options.out)


def _table(cells: Sequence[Cell]) -> str:
    """One line a cell and measure."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    columns = ("value", "low", "high", "n_authentic", "n_synthetic")
    table.writerow(("trained_on", "tested_on", "label", "in_training", "measure", *columns))
    for cell in cells:
        key = (printable(cell.row), printable(cell.source), cell.label, int(cell.trained_on))
        for name, estimate in cell.estimates.items():
            values = estimate.to_json()
            table.writerow((*key, name, *(values[c] for c in columns)))
        sizes = (cell.n, 0) if cell.label == 0 else (0, cell.n)
        limits = (round(x, 6) for x in wilson(cell.flagged, cell.n))
        table.writerow((*key, "called_synthetic", round(cell.flagged / cell.n, 6), *limits, *sizes))
    return buffer.getvalue()


def matrix_lines(matrix: Matrix, out: Path) -> Iterator[str]:
    """AUC and, in brackets, its interval; a star where the source was not trained on."""
    yield f"AUC of {matrix.kind} detectors, rows trained on, columns tested on; * = not among what was trained on"
    yield f"{'':<28}" + "".join(f"{printable(name)[:22]:>24}" for name, _ in matrix.columns)
    for row in matrix.rows:
        cells = [cell for cell in matrix.cells if cell.row == row.name]
        yield f"{printable(row.name)[:27]:<28}" + "".join(f"{_text(cell):>24}" for cell in cells)
    yield f"report: {printable(out / 'report.html')}"


def _text(cell: Cell) -> str:
    e = cell.estimates["auc"]
    return f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]{' ' if cell.trained_on else '*'}"


def matrix_page(matrix: Matrix, record: Sequence[tuple[str, str]]) -> str:
    """The page as HTML."""
    context = {
        "title": "Trained on × tested on",
        "matrix": matrix,
        "columns": [_column(matrix, name, label) for name, label in matrix.columns],
        "rows": [
            {"name": row.name, "cells": [_cell(c) for c in matrix.cells if c.row == row.name]}
            for row in matrix.rows
        ],
        "evidence": record,
    }
    return render("benchmark_matrix.html", context)


def _column(matrix: Matrix, name: str, label: int) -> MatrixColumn:
    cell = next(c for c in matrix.cells if c.source == name)
    e = cell.estimates["auc"]
    return MatrixColumn(name, label, cell.n, e.n_synthetic if label == 0 else e.n_authentic)


def _cell(cell: Cell) -> MatrixCell:
    low, high = wilson(cell.flagged, cell.n)
    called = Share(cell.flagged / cell.n, low, high)
    right = (called.value, low, high) if cell.label == 1 else (1 - called.value, 1 - high, 1 - low)
    e = cell.estimates["auc"]
    auc, verdicts = heat_cell(e.value, e.low, e.high), heat_cell(*right, chance=0.0)
    return MatrixCell(auc, cell.estimates["cllr"], called, verdicts, not cell.trained_on, cell.label)
