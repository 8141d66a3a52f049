"""What `forensics benchmark` does: load, run the protocol, write the page and the evidence, and sum up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forensics.benchmarks.overlap import Exposure
from forensics.benchmarks.perturbations import parse
from forensics.benchmarks.protocol import Outcome, run_benchmark
from forensics.detectors.base import Detector, default_folder
from forensics.detectors.fitted_on import read_fitted_on
from forensics.evidence import evidence, write_evidence
from forensics.files import write_text
from forensics.report.benchmark import benchmark_page
from forensics.report.examination import evidence_lines, load_on_device
from forensics.terminal import note, printable, progress

_SHOWN = ("auc", "eer", "tpr_at_fpr_0.05", "tpr_at_fpr_0.01", "cllr", "min_cllr", "ece")


@dataclass(frozen=True)
class Request:
    """What is to be measured, and how."""

    corpora: tuple[Path, ...]
    out: Path
    detectors: tuple[str, ...] = ("default",)
    perturb: str = "none"
    seed: int = 0
    device: str = "auto"
    pools: Path | None = None


def benchmark_corpora(request: Request) -> Outcome:
    """Run the benchmark and write everything below `request.out`. ForensicsError: bad input, one line."""
    perturbations = parse(request.perturb)
    detectors = [load_on_device(name, request.device) for name in request.detectors]
    outcome = run_benchmark(
        request.corpora,
        detectors,
        request.out,
        perturbations=perturbations,
        seed=request.seed,
        exposure=exposure_of(request, detectors),
        progress=progress,
    )
    for line in outcome.failures:
        note(f"error: {line}")
    if outcome.leakage["leaking"]:
        note(f"WARNING: {outcome.leakage['words']}")
    if outcome.leakage["past"]:
        note(f"WARNING: {outcome.leakage['past']}")
    # Where the results go is no part of them: the same benchmark in two folders gives the same bytes.
    words = ["forensics", "benchmark", *map(printable, request.corpora)]
    inputs = {f"detector {d.id}": d.weights_sha256 for d in detectors}
    inputs["images"] = outcome.plan.to_json()["images"]["sha256"]
    options = {k: getattr(request, k) for k in ("detectors", "perturb", "device")}
    record = words, inputs, {"seed": request.seed}, options
    write_text(request.out / "report.html", benchmark_page(outcome, evidence_lines(evidence(*record))))
    write_evidence(request.out, *record)
    return outcome


def exposure_of(request: Request, detectors: Sequence[Detector]) -> Exposure:
    """What the detectors say they were fitted on; one that does not say is noted."""
    fitted = {}
    for name, detector in zip(request.detectors, detectors, strict=True):
        fitted[detector.id] = read_fitted_on(default_folder() if name == "default" else Path(name))
        if fitted[detector.id] is None:
            note(
                f"WARNING: {detector.id} has no list of the images it was fitted on: overlap is not excluded"
            )
    return Exposure(fitted, request.pools)


def summary(outcome: Outcome, out: Path) -> dict[str, Any]:
    """The summary as plain values: counts, leakage, and the measures on all images under each perturbation."""
    return {
        "out": str(out),
        "detector": {"id": outcome.detector.id, "weights_sha256": outcome.detector.weights_sha256},
        "counts": outcome.counts(),
        "leaking": outcome.leakage["leaking"],
        "metadata_auc": outcome.leakage["auc"],
        "measured": [m.to_json() for m in outcome.measured if m.detector == outcome.detector.id],
        "report": str(out / "report.html"),
    }


def summary_lines(outcome: Outcome, out: Path) -> Iterator[str]:
    """The table of all images, a line a perturbation, then where the report is."""
    counts = outcome.counts()
    yield (
        f"{counts['in']} images in = {counts['scored']} scored + {counts['failed']} failed + "
        f"{counts['duplicates']} duplicates; detector {outcome.detector.id}"
    )
    yield f"{'':<14}{'slice':<20}" + "".join(f"{name.replace('_at_fpr_', '@'):>22}" for name in _SHOWN)
    for m in outcome.measured:
        if m.detector == outcome.detector.id:
            cells = (f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]" for e in map(m.estimates.get, _SHOWN) if e)
            yield f"{m.perturbation:<14}{printable(m.name or 'all')[:19]:<20}" + "".join(
                f"{c:>22}" for c in cells
            )
    yield f"report: {printable(out / 'report.html')}"
