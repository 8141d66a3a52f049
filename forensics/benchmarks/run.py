"""What `forensics benchmark` does: load, run the protocol, write the page and the evidence, and sum up."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forensics.benchmarks.learning_curve.run import (
    LearningCurveOptions,
    curve_lines,
    curve_summary,
    run_learning_curve,
)
from forensics.benchmarks.outcome import BenchmarkOutcome
from forensics.benchmarks.overlap import Exposure
from forensics.benchmarks.pages.benchmark import benchmark_page, headline
from forensics.benchmarks.pages.comparison import compare_benchmarks, comparison_lines, to_json
from forensics.benchmarks.pages.heat import slice_name
from forensics.benchmarks.pages.matrix import MatrixOptions, matrix_lines, matrix_of
from forensics.benchmarks.perturbations.named import parse
from forensics.benchmarks.protocol import Protocol, run_benchmark
from forensics.core.devices import pick_device
from forensics.core.errors import ForensicsError
from forensics.core.evidence import evidence, recorded
from forensics.core.files import sha256_file, write_text
from forensics.core.terminal import note, printable, progress
from forensics.detectors.contract import Detector
from forensics.detectors.fitting.fitted_on import read_fitted_on
from forensics.detectors.loading import detector_folder, load_on_device

_COLUMNS = ("auc", "eer", "tpr_at_fpr_0.05", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "cllr", "min_cllr", "ece")


DEFAULT_PERTURB = "jpeg90,jpeg70,resize75,history75,messenger"


@dataclass(frozen=True)
class BenchmarkOptions:
    """What is to be measured, and how: the options of the command, as given (None or empty: the default)."""

    corpora: tuple[Path, ...]
    out: Path | None
    detectors: tuple[str, ...] = ()
    perturb: str | None = None
    seed: int = 0
    device: str = "auto"
    pools: Path | None = None
    matrix: str | None = None
    trim_bottom: float = 0.0
    compare: tuple[Path, Path] | None = None
    jpeg_before: int = 0
    learning_curve: str | None = None
    sizes: tuple[int, ...] = ()
    trainings: int = 3


@dataclass(frozen=True)
class Printout:
    """What the command prints: as plain values, as lines; and how many files could not be read."""

    summary: Mapping[str, object]
    lines: Iterable[str]
    n_failed: int = 0


def run_command(options: BenchmarkOptions) -> Printout:
    """A benchmark, a matrix, a learning curve or a comparison. ForensicsError: options that do not go together."""
    if options.compare is not None:
        not_chosen = ("corpora", "detectors", "perturb", "pools", "matrix", "learning_curve")
        _refuse_beside(options, "--compare", not_chosen)
        comparison = compare_benchmarks(*options.compare, options.out, options.seed)
        return Printout(to_json(comparison), comparison_lines(comparison, options.out))
    if not options.corpora or options.out is None:
        raise ForensicsError(
            "a benchmark needs a corpus and --out, or --compare with two finished benchmarks"
        )
    if options.matrix is not None:
        return _matrix(options, options.matrix, options.out)
    if options.learning_curve is not None:
        return _learning_curve(options, options.learning_curve, options.out)
    return _benchmark(options, options.out)


def _matrix(options: BenchmarkOptions, kind: str, out: Path) -> Printout:
    _refuse_beside(options, "--matrix", ("detectors", "perturb", "learning_curve"))
    training = options.trim_bottom, options.seed, str(pick_device(options.device)), options.jpeg_before
    matrix_options = MatrixOptions(options.corpora, kind, out, options.pools, *training)
    matrix, n_failed = matrix_of(matrix_options, progress)
    where = {"out": str(out), "report": str(out / "report.html")}
    return Printout(matrix.to_json() | where, matrix_lines(matrix, out), n_failed)


def _learning_curve(options: BenchmarkOptions, kind: str, out: Path) -> Printout:
    _refuse_beside(options, "--learning-curve", ("detectors", "perturb", "jpeg_before"))
    device = str(pick_device(options.device))
    curve, n_failed = run_learning_curve(
        LearningCurveOptions(
            options.corpora, kind, out, options.sizes, options.trainings, options.pools, options.trim_bottom, device
        )
    )  # fmt: skip
    return Printout(curve_summary(curve, out), curve_lines(curve, out), n_failed)


def _benchmark(options: BenchmarkOptions, out: Path) -> Printout:
    for name in ("trim_bottom", "jpeg_before"):
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise ForensicsError(f"{option} goes with --matrix only: a benchmark measures images as they are")
    start = time.monotonic()
    outcome = benchmark_corpora(options, out)
    speed = _speed(outcome, time.monotonic() - start)
    lines = [*summary_lines(outcome, out), speed_line(speed)]
    return Printout(summary(outcome, out) | {"speed": vars(speed)}, lines, len(outcome.failures))


def _refuse_beside(options: BenchmarkOptions, option: str, others: Sequence[str]) -> None:
    for name in others:
        if getattr(options, name):
            raise ForensicsError(f"{option} does not go with {name}; leave one of them out")


@dataclass(frozen=True)
class Speed:
    """Views scored in this run (images × perturbations), all in all and a second, and the most memory the process held.

    For stdout only: the files of two runs are the same bytes.
    """

    views: int
    scoring_s: float
    views_per_s: float | None
    elapsed_s: float
    peak_memory_bytes: int


def _speed(outcome: BenchmarkOutcome, elapsed_s: float) -> Speed:
    views = outcome.n_scored_now * len(outcome.plan.perturbations)
    rate = round(views / outcome.scoring_s, 2) if views else None
    return Speed(views, round(outcome.scoring_s, 2), rate, round(elapsed_s, 2), peak_memory_bytes())


def peak_memory_bytes() -> int:
    """The most memory this process held so far (resident)."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) * (1 if sys.platform == "darwin" else 1024)


def speed_line(speed: Speed) -> str:
    """Throughput and memory in words."""
    rate = f"{speed.views_per_s:.1f} a second" if speed.views_per_s else "all scored before"
    memory = f"{speed.peak_memory_bytes / 1e6:.0f} MB at most"
    return f"{speed.views} views scored, {rate}; {speed.elapsed_s:.0f} s in all; {memory}"


@recorded
def benchmark_corpora(options: BenchmarkOptions, out: Path) -> BenchmarkOutcome:
    """Run the benchmark and write everything below `out`. ForensicsError: bad input, one line."""
    names = options.detectors or ("default",)
    perturb = DEFAULT_PERTURB if options.perturb is None else options.perturb
    parse(perturb)  # an unknown name is said before the long work
    detectors = [load_on_device(name, options.device) for name in names]
    exposure = exposure_of(names, detectors, options.pools)
    protocol = Protocol(options.corpora, detectors, parse(perturb), options.seed, exposure)
    outcome = run_benchmark(protocol, out, progress)
    for line in outcome.failures:
        note(f"error: {line}")
    if outcome.leakage.leaking:
        note(f"WARNING: {outcome.leakage.words}")
    if outcome.leakage.past:
        note(f"WARNING: {outcome.leakage.past}")
    for words in outcome.unreachable():
        note(f"WARNING: {words}")
    if words := outcome.comparability():
        note(words)
    inputs = {f"detector {d.id}": d.weights_sha256 for d in detectors}
    if options.pools is not None:
        inputs["pools"] = sha256_file(options.pools)
    inputs["images"] = outcome.plan.images_sha256()
    settings = {"detectors": names, "perturb": perturb, "device": options.device}
    record = evidence(inputs, {"seed": options.seed}, settings)
    write_text(out / "report.html", benchmark_page(outcome, record.lines()))
    record.write(out)
    return outcome


def exposure_of(names: Sequence[str], detectors: Sequence[Detector], pools: Path | None) -> Exposure:
    """What the detectors say they were fitted on; one that does not say is noted."""
    fitted = {}
    for name, detector in zip(names, detectors, strict=True):
        fitted[detector.id] = read_fitted_on(detector_folder(name))
        if fitted[detector.id] is None:
            note(
                f"WARNING: {detector.id} has no list of the images it was fitted on: overlap is not excluded"
            )
    return Exposure(fitted, pools)


def summary(outcome: BenchmarkOutcome, out: Path) -> dict[str, object]:
    """The summary as plain values: counts, leakage, and the measures on all images under each perturbation."""
    return {
        "out": str(out),
        "detector": {"id": outcome.detector.id, "weights_sha256": outcome.detector.weights_sha256},
        "counts": outcome.counts(),
        "leaking": outcome.leakage.leaking,
        "metadata_auc": outcome.leakage.auc and outcome.leakage.auc.to_json(),
        "measured": [m.to_json() for m in outcome.of_detector()],
        "report": str(out / "report.html"),
    }


def summary_lines(outcome: BenchmarkOutcome, out: Path) -> Iterator[str]:
    """The table of all images, a line a perturbation, then where the report is."""
    counts = outcome.counts()
    yield (
        f"{counts['in']} images in = {counts['scored']} scored + {counts['failed']} failed + "
        f"{counts['duplicates']} duplicates; detector {outcome.detector.id}"
    )
    yield f"{'':<14}{'slice':<20}" + "".join(f"{name.replace('_at_fpr_', '@'):>22}" for name in _COLUMNS)
    for m in outcome.of_detector():
        cells = (f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]" for e in map(m.estimates.get, _COLUMNS) if e)
        start = f"{m.perturbation:<14}{printable(slice_name(m.kind, m.name))[:19]:<20}"
        yield start + "".join(f"{cell:>22}" for cell in cells)
    yield headline(outcome)
    yield f"report: {printable(out / 'report.html')}"
