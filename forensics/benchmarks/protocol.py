"""The benchmark: list, score, check for leaks, measure, and write everything down so that it can be repeated.

Thresholds are those the detector was shipped with, fixed on its calibration pool, never on the images measured here.
Each perturbation treats both classes alike. Every number comes with its n and a bootstrap 95 % interval.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from forensics.benchmarks.leakage import metadata_baseline, past_warning
from forensics.benchmarks.measured import measure, measured_table
from forensics.benchmarks.outcome import BenchmarkOutcome
from forensics.benchmarks.overlap import Exposure
from forensics.benchmarks.perturbations.named import UNCHANGED, Perturbation
from forensics.benchmarks.rows import ScoredImage
from forensics.benchmarks.scoring import PLAN, ScoringPlan, n_scored, score_all, write_table
from forensics.benchmarks.verdicts import verdicts
from forensics.core.errors import CorpusError
from forensics.core.files import write_json, write_text
from forensics.core.terminal import Progress
from forensics.corpus.items import list_items
from forensics.detectors.contract import Detector

N_BOOTSTRAP = 1000


@dataclass(frozen=True)
class Protocol:
    """What is measured, and how. `exposure`: what the detectors were fitted on, and the pools to obey."""

    corpora: Sequence[Path]
    detectors: Sequence[Detector]
    perturbations: Sequence[Perturbation] = ()
    seed: int = 0
    exposure: Exposure = field(default_factory=Exposure)
    n_bootstrap: int = N_BOOTSTRAP


def run_benchmark(protocol: Protocol, out: Path, progress: Progress) -> BenchmarkOutcome:
    """Measure detectors on corpora and write `out`; run again after a kill, it goes on where it was.

    Writes plan.json, scores.csv, results.csv and results.json. The unperturbed images (`none`) always come first.
    CorpusError: a class is missing, or images were learned from; ForensicsError: `out` holds another benchmark.
    """
    plan = _plan(protocol, out, progress)
    before, start = n_scored(out), time.monotonic()
    with progress("scoring", len(plan.listing.items)) as meter:
        everything = score_all(plan, out, meter.advance)
    speed = len(everything) - before, time.monotonic() - start
    outcome = _outcome(protocol, plan, everything, progress)
    write_table(everything, out / "scores.csv")
    write_text(out / "results.csv", measured_table(outcome.measured))
    write_json(out / "results.json", outcome.to_json())
    return replace(outcome, n_scored_now=speed[0], scoring_s=speed[1])


def _plan(protocol: Protocol, out: Path, progress: Progress) -> ScoringPlan:
    unperturbed = Perturbation(UNCHANGED, None)
    perturbations = (unperturbed, *(p for p in protocol.perturbations if p != unperturbed))
    listing = list_items(protocol.corpora)
    if not (out / PLAN).exists():  # a run that is taken up again was let through before
        with progress("looking for overlap", len(listing.items)) as meter:
            protocol.exposure.refuse(listing, meter.advance)
    return ScoringPlan(protocol.exposure.tested(listing), protocol.detectors, perturbations, protocol.seed)


def _outcome(
    protocol: Protocol, plan: ScoringPlan, everything: Sequence[ScoredImage], progress: Progress
) -> BenchmarkOutcome:
    """What the scores of all images say."""
    rows = [row for row in everything if row.failure is None]
    failures = (*plan.listing.failures, *(row.failure for row in everything if row.failure is not None))
    if {row.label for row in rows} != {0, 1}:
        raise CorpusError(f"after {len(failures)} unreadable files only one class is left; give more images")
    first, seed, n_bootstrap = plan.detectors[0], plan.seed, protocol.n_bootstrap
    leakage = metadata_baseline(rows, seed=seed, n_bootstrap=n_bootstrap)
    n_columns = len(plan.perturbations) * len(rows[0].scores[UNCHANGED].log10_lr)
    with progress("measuring", n_columns) as meter:
        measured = list(measure(rows, seed=seed, n_bootstrap=n_bootstrap, on_done=meter.advance))
    given = [v for p in plan.perturbations for v in verdicts(rows, first.id, first.verdict, p.name)]
    deciding = [m for m in measured if m.detector == first.id and m.kind == "all"]
    leakage = replace(leakage, past=past_warning({m.perturbation: m.auc for m in deciding}))
    return BenchmarkOutcome(plan, rows, failures, leakage, measured, given, protocol.exposure)
