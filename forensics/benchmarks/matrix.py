"""Trained on × tested on: detectors trained on parts of the corpora, each tested on every source.

Rows are what a detector was trained on: all sources; all but one synthetic source (leave one generator out); all but
one authentic source; one synthetic source alone. Columns are the sources of the test pool: a synthetic one against all
authentic test images, an authentic one against all synthetic. Five disjoint pools are fixed first (pools.json, given or
made): training and calibration come from `train` and `calibrate`, thresholds from `calibrate`, cells from `test`.

A row's detector and a cell's scores are kept as files: a kill costs one training or one cell. Images are as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.benchmarks.verdicts import unreachable
from forensics.core.errors import CorpusError, ForensicsError
from forensics.core.files import sha256_bytes, write_json
from forensics.core.outputs import hold_folder
from forensics.core.terminal import Progress, printable
from forensics.core.untrusted import read_json
from forensics.corpus.pools.five_pools import Places
from forensics.corpus.pools.pool import FITTED, Pool
from forensics.detectors.contract import Detector
from forensics.detectors.description import DESCRIPTION, read_description
from forensics.detectors.fitting.engine import TrainingOptions, train_detector
from forensics.detectors.loading import load_detector
from forensics.metrics.detection import Estimate, evaluate, wilson

SHARES: Final = (
    0.5,
    0.0,
    0.0,
    0.2,
    0.3,
)  # of a matrix: nothing is tuned or selected, and every cell needs images
PLAN: Final = "matrix_plan.json"
_DIGITS: Final = 6


@dataclass(frozen=True)
class TrainingSet:
    """What one detector is trained on: `sources` of the training pool, and in words."""

    name: str
    sources: tuple[str, ...]

    @property
    def folder(self) -> str:
        """A file name for it."""
        return sha256_bytes("\n".join(self.sources).encode())[:16]


@dataclass(frozen=True)
class Cell:
    """One row's detector on one source of the test pool. `flagged` counts its images called synthetic of `n`."""

    row: str
    source: str
    label: int
    trained_on: bool
    estimates: Mapping[str, Estimate]
    flagged: int
    n: int

    def to_json(self) -> dict[str, object]:
        """Plain values, with the Wilson interval of the share called synthetic."""
        interval = [round(x, _DIGITS) for x in wilson(self.flagged, self.n)]
        names = ("row", "source", "label", "trained_on", "flagged", "n")
        return {name: getattr(self, name) for name in names} | {
            "flagged_interval": interval,
            "measures": {name: e.to_json() for name, e in self.estimates.items()},
        }


@dataclass(frozen=True)
class Matrix:
    """All cells, row by row; `left_out` says which rows could not be trained, and why."""

    kind: str
    rows: tuple[TrainingSet, ...]
    columns: tuple[tuple[str, int], ...]  # source, label
    cells: tuple[Cell, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """matrix.json."""
        return {
            "format_version": 1,
            "kind": self.kind,
            "rows": [{"name": row.name, "sources": list(row.sources)} for row in self.rows],
            "cells": [cell.to_json() for cell in self.cells],
            "left_out": list(self.left_out),
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class MatrixPlan:
    """What a matrix is made of: images, the pool of each, the kind to train, and how."""

    kind: str
    pool: Pool
    places: Places
    out: Path
    seed: int = 0
    device: str = "cpu"
    n_bootstrap: int = 1000
    jpeg_before: int = 0  # see `forensics.detectors.training_views.views`

    def how(self) -> dict[str, object]:
        """What is compared before cells are reused."""
        places = sorted((s, *self.places[s]) for s in self.pool.sha256 if s in self.places)
        return {
            "format_version": 1,
            "kind": self.kind,
            "jpeg_before": self.jpeg_before,
            "images": self.pool.fingerprint(),
            "pools": sha256_bytes(json.dumps(places).encode()),
            "seed": self.seed,
        }


def rows_of(pool: Pool) -> tuple[list[TrainingSet], list[str]]:
    """The rows a training pool allows, no two the same, and which it does not, in words."""
    names = {y: sorted({s for s, k in zip(pool.sources, pool.labels, strict=True) if k == y}) for y in (0, 1)}
    everything = tuple(names[0] + names[1])
    wanted = [TrainingSet("all", everything)]
    wanted += [
        TrainingSet(f"without {s}", tuple(x for x in everything if x != s)) for s in names[1] + names[0]
    ]
    wanted += [TrainingSet(f"only {s}", (*names[0], s)) for s in names[1]]
    rows, left_out = dict[tuple[str, ...], TrainingSet](), []
    for row in wanted:
        if not set(row.sources) & set(names[0]) or not set(row.sources) & set(names[1]):
            left_out.append(f"{row.name}: it is the only source of its class")
        else:
            rows.setdefault(row.sources, row)
    return list(rows.values()), left_out


def run_matrix(plan: MatrixPlan, progress: Progress) -> Matrix:
    """Train what is not yet trained, score what is not yet scored. ForensicsError: `out` holds something else."""
    _check_plan(plan)
    with hold_folder(plan.out):
        return _matrix(plan, progress)


def _matrix(plan: MatrixPlan, progress: Progress) -> Matrix:
    fitted = plan.pool.placed(plan.places, FITTED)
    tested = plan.pool.placed(plan.places, ("test",))
    _check_classes(fitted, tested)
    rows, left_out = rows_of(fitted)
    columns = sorted(
        set(zip(tested.sources, tested.labels.tolist(), strict=True)), key=lambda c: (-c[1], c[0])
    )
    with progress("matrix", len(rows) * len(columns)) as meter:
        scored = {}
        for row in rows:
            for source, _ in columns:
                scored[row.name, source] = _cell_scores(plan, row, source, fitted, tested, progress)
                meter.advance(1, row.name)
    cells = tuple(cell for row in rows for cell in _cells(plan, row, columns, scored))
    notes = (*_notes(columns), *_unreachable(plan, rows))
    return Matrix(plan.kind, tuple(rows), tuple(columns), cells, tuple(left_out), notes)


# The pools are dealt before the matrix begins, and leave a record of the call beside them.
_POOLS: Final = ("pools.json", "pools.json.evidence.json")


def _check_plan(plan: MatrixPlan) -> None:
    file, now = plan.out / PLAN, plan.how()
    if not file.exists():
        if plan.out.exists() and any(path.name not in _POOLS for path in plan.out.iterdir()):
            raise ForensicsError(
                f"{printable(plan.out)}: is not empty and holds no matrix; name another --out"
            )
        write_json(file, now)
        return
    before = read_json(file)
    if differing := [key for key in now if before.get(key) != now[key]]:
        raise ForensicsError(
            f"{printable(plan.out)}: holds a matrix with other {', '.join(differing)}; name another --out"
        )


def _check_classes(fitted: Pool, tested: Pool) -> None:
    for pool, name in ((fitted, "to train and calibrate on"), (tested, "to test on")):
        if set(pool.labels.tolist()) != {0, 1}:
            raise CorpusError(f"the pools leave images of one class only {name}; give more, or other pools")


@dataclass(frozen=True)
class CellScores:
    """log10 LRs of a source's test images, in order, and how many of them are called synthetic."""

    scores: tuple[float, ...]
    flagged: int


def _cell_scores(
    plan: MatrixPlan, row: TrainingSet, source: str, fitted: Pool, tested: Pool, progress: Progress
) -> CellScores:
    """What the row's detector says of a source; kept as a file."""
    file = plan.out / "cells" / row.folder / f"{sha256_bytes(source.encode())[:16]}.json"
    if not file.exists():
        detector = _trained(plan, row, fitted, progress)
        images = [image for image, name in zip(tested.images, tested.sources, strict=True) if name == source]
        scores = [round(float(x), _DIGITS) for x in detector.score(images)]
        flagged = sum(detector.verdict(x) == "synthetic" for x in scores)
        write_json(file, {"row": row.name, "source": source, "scores": scores, "flagged": flagged})
    stored = read_json(file)
    return CellScores(tuple(stored["scores"]), int(stored["flagged"]))


def _trained(plan: MatrixPlan, row: TrainingSet, fitted: Pool, progress: Progress) -> Detector:
    folder = plan.out / "detectors" / row.folder
    if not (folder / DESCRIPTION).exists():
        training = fitted.take([i for i, source in enumerate(fitted.sources) if source in row.sources])
        work = plan.out / "work" / row.folder
        options = TrainingOptions(
            work=work,
            seed=plan.seed,
            device=plan.device,
            jpeg_before=plan.jpeg_before,
            progress=progress,
        )
        train_detector(plan.kind, training, folder, options)
    return load_detector(folder)


def _cells(
    plan: MatrixPlan,
    row: TrainingSet,
    columns: Sequence[tuple[str, int]],
    scored: Mapping[tuple[str, str], CellScores],
) -> Iterator[Cell]:
    """Each source against all test images of the other class."""
    for source, label in columns:
        of_source = scored[row.name, source]
        of_class = np.array(of_source.scores)
        opposite = np.concatenate([scored[row.name, s].scores for s, y in columns if y != label])
        labels: NDArray[np.int64] = np.repeat([label, 1 - label], [len(of_class), len(opposite)])
        scores = np.concatenate([of_class, opposite])
        estimates = evaluate(scores, labels, seed=plan.seed, n_bootstrap=plan.n_bootstrap)
        in_training = source in row.sources
        yield Cell(row.name, source, label, in_training, estimates, of_source.flagged, len(of_class))


def _unreachable(plan: MatrixPlan, rows: Sequence[TrainingSet]) -> Iterator[str]:
    for row in rows:
        description = read_description(plan.out / "detectors" / row.folder)
        if words := unreachable(description, f"The detector trained on {row.name!r}"):
            yield words


def _notes(columns: Sequence[tuple[str, int]]) -> Iterator[str]:
    if sum(label == 0 for _, label in columns) < 2:
        yield (
            "There is one authentic source only: how the detectors treat photographs from elsewhere is not measured."
        )
    if sum(label == 1 for _, label in columns) < 2:
        yield "There is one synthetic source only: how the detectors treat another generator is not measured."
