"""The benchmark: list, score, check for leaks, measure, and write everything down so that it can be repeated.

Thresholds are those the detector was shipped with, fixed on its calibration pool, never on the images measured here.
Each perturbation treats both classes alike. Every number comes with its n and a bootstrap 95 % interval.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from forensics.benchmarks.leakage import metadata_baseline, past_warning
from forensics.benchmarks.overlap import Exposure
from forensics.benchmarks.perturbations.named import Perturbation
from forensics.benchmarks.scoring import PLAN, Plan, n_scored, score_all, write_table
from forensics.benchmarks.tables import (
    Measured,
    Rows,
    measure,
    scores_and_labels,
    unequal_psi,
    unreachable,
    verdicts,
)
from forensics.core.errors import CorpusError
from forensics.core.files import write_json, write_text
from forensics.core.terminal import Progress, printable
from forensics.corpus.items import list_items
from forensics.detectors.contract import Detector

N_BOOTSTRAP = 1000


@dataclass(frozen=True)
class Outcome:
    """What a benchmark found; `rows` are the images that were scored."""

    plan: Plan
    rows: Rows
    failures: tuple[str, ...]
    leakage: Mapping[str, Any]
    measured: Sequence[Measured]
    verdicts: Sequence[Mapping[str, Any]]
    exposure: Exposure
    n_scored_now: int = 0  # images that an interrupted run had not scored before
    scoring_s: float = 0.0

    @property
    def detector(self) -> Detector:
        """The first detector: the one whose slices and verdicts are reported."""
        return self.plan.detectors[0]

    def unreachable(self) -> list[str]:
        """Detectors whose thresholds lie beyond their scores, in words."""
        said = (unreachable(d.description(), d.id) for d in self.plan.detectors)
        return [words for words in said if words]

    def counts(self) -> dict[str, int]:
        """Images in = scored + failed + duplicates."""
        scored, failed, twice = len(self.rows), len(self.failures), len(self.plan.listing.duplicates)
        return {"in": scored + failed + twice, "scored": scored, "failed": failed, "duplicates": twice}

    def to_json(self) -> dict[str, Any]:
        """results.json."""
        return {
            "format_version": 1,
            "plan": self.plan.to_json(),
            "counts": self.counts(),
            "exposure": self.exposure.to_json([d.id for d in self.plan.detectors]),
            "failures": list(self.failures),
            "duplicates": list(self.plan.listing.duplicates),
            "leakage": self.leakage,
            "comparability": unequal_psi(self.rows),
            "unreachable": self.unreachable(),
            "thresholds": self.detector.thresholds.to_json(),
            "measured": [m.to_json() for m in self.measured],
            "verdicts": list(self.verdicts),
        }


def run_benchmark(
    corpora: Sequence[Path],
    detectors: Sequence[Detector],
    out: Path,
    *,
    perturbations: Sequence[Perturbation],
    seed: int = 0,
    exposure: Exposure | None = None,
    progress: Progress,
    n_bootstrap: int = N_BOOTSTRAP,
) -> Outcome:
    """Measure `detectors` on `corpora` and write `out`; run again after a kill, it goes on where it was.

    Writes plan.json, scores.csv, results.csv, results.json and report.html. The unperturbed images (`none`) always
    come first. CorpusError: a class is missing, or images were learned from (`exposure`); ForensicsError: `out` holds
    another benchmark.
    """
    exposure = exposure or Exposure()
    unperturbed = Perturbation("none", None)
    kinds = (unperturbed, *(p for p in perturbations if p != unperturbed))
    listing = list_items(corpora)
    if not (out / PLAN).exists():  # a run that is taken up again was let through before
        with progress("looking for overlap", len(listing.items)) as meter:
            exposure.refuse(listing, meter.advance)
    plan = Plan(exposure.tested(listing), detectors, kinds, seed)
    before, start = n_scored(out), time.monotonic()
    with progress("scoring", len(plan.listing.items)) as meter:
        everything = score_all(plan, out, meter.advance)
    speed = len(everything) - before, time.monotonic() - start
    outcome = replace(
        _outcome(plan, everything, exposure, progress, n_bootstrap), n_scored_now=speed[0], scoring_s=speed[1]
    )
    write_table(everything, out / "scores.csv")
    write_text(out / "results.csv", _long_table(outcome.measured))
    write_json(out / "results.json", outcome.to_json())
    return outcome


def _outcome(
    plan: Plan,
    everything: Sequence[dict[str, Any]],
    exposure: Exposure,
    progress: Progress,
    n_bootstrap: int,
) -> Outcome:
    """What the scores of all images say."""
    rows = [row for row in everything if row["failure"] is None]
    failures = (*plan.listing.failures, *(row["failure"] for row in everything if row["failure"] is not None))
    if {row["label"] for row in rows} != {0, 1}:
        raise CorpusError(f"after {len(failures)} unreadable files only one class is left; give more images")
    first = plan.detectors[0]
    _, labels = scores_and_labels(rows, "none", first.id)
    metadata = [row["metadata"] for row in rows]
    leakage = metadata_baseline(metadata, labels, seed=plan.seed, n_bootstrap=n_bootstrap)
    n_columns = len(plan.perturbations) * len(rows[0]["scores"]["none"]["log10_lr"])
    with progress("measuring", n_columns) as meter:
        measured = list(measure(rows, seed=plan.seed, n_bootstrap=n_bootstrap, on_done=meter.advance))
    given = [v for p in plan.perturbations for v in verdicts(rows, first.id, first.verdict, p.name)]
    deciding = [m for m in measured if m.detector == first.id and m.kind == "all"]
    leakage["past"] = past_warning({m.perturbation: m.estimates["auc"] for m in deciding})
    return Outcome(plan, rows, failures, leakage, measured, given, exposure)


def _long_table(measured: Sequence[Measured]) -> str:
    """One line a measure: detector, perturbation, slice, measure, value, interval and n."""
    import csv
    import io

    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    columns = ("value", "low", "high", "n_authentic", "n_synthetic")
    table.writerow(("detector", "perturbation", "slice", "name", "measure", *columns))
    for m in measured:
        for measure_name, estimate in m.estimates.items():
            values = estimate.to_json()
            key = (m.detector, m.perturbation, m.kind, printable(m.name), measure_name)
            table.writerow((*key, *(values[c] for c in columns)))
    return buffer.getvalue()
