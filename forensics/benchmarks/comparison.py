"""What changed beyond chance between two benchmarks of the same images: `forensics benchmark --compare A B`.

Both folders hold scores.csv and results.json. Only images, perturbations and draws that both have are compared, each
image with itself: bootstrap replicates weigh the images alike on both sides (paired, stratified by class), verdicts
are compared by McNemar's exact test (1947). Many differences are looked at, so p-values are adjusted by Holm (1979)
over all of them: with nothing changed, the chance of calling anything at all changed is 5 %.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import ForensicsError
from forensics.core.terminal import printable
from forensics.core.untrusted import MAX_TABLE_BYTES, read_json, read_untrusted
from forensics.detectors.thresholds import Thresholds
from forensics.metrics.detection import measures
from forensics.metrics.weighted import once, replicates

METRICS: Final = ("auc", "eer", "tpr-at-fpr", "cllr")
MEASURES: Final = ("auc", "eer", "tpr_at_fpr_0.05", "tpr_at_fpr_0.01", "cllr")  # columns of these metrics
LOWER_IS_BETTER: Final = frozenset({"eer", "cllr", "false_alarms"})
SIGNIFICANT: Final = 0.05
N_BOOTSTRAP: Final = 10_000
_FEWEST: Final = 10  # images of a class


@dataclass(frozen=True)
class ComparedScore:
    """One image under one perturbation, as one benchmark saw it."""

    sha256: str
    label: int
    source: str
    draws: str
    withheld: bool
    log10_lr: float


@dataclass(frozen=True)
class BenchmarkResults:
    """One finished benchmark: its deciding detector, thresholds, and perturbation → sha256 → what was scored."""

    folder: Path
    detector: str
    thresholds: Thresholds
    scored: Mapping[str, Mapping[str, ComparedScore]]


@dataclass(frozen=True)
class Difference:
    """B − A of one measure on one slice under one perturbation, with a 95 % interval, on the same images.

    For verdicts (`false_alarms`, `detections`) the values are shares called synthetic, and `only_a`, `only_b` are how
    many images one benchmark alone called so.
    """

    perturbation: str
    part: str  # "" for all images, else the synthetic source
    measure: str
    a: float
    b: float
    low: float
    high: float
    p: float
    n_authentic: int
    n_synthetic: int
    only_a: int = 0
    only_b: int = 0
    adjusted_p: float = 1.0

    @property
    def change(self) -> str:
        """`better`, `worse`, or nothing where it is within chance."""
        if self.adjusted_p >= SIGNIFICANT or self.a == self.b:
            return ""
        return "better" if (self.b < self.a) == (self.measure in LOWER_IS_BETTER) else "worse"

    def to_json(self) -> dict[str, object]:
        """Plain values, rounded."""
        rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(self).items()}
        return rounded | {"difference": round(self.b - self.a, 6), "change": self.change}


@dataclass(frozen=True)
class BenchmarkComparison:
    """`left_out` says what could not be compared, a line each."""

    a: BenchmarkResults
    b: BenchmarkResults
    n_images: int
    left_out: tuple[str, ...]
    differences: tuple[Difference, ...]


def read_results(folder: Path) -> BenchmarkResults:
    """A benchmark's folder. ForensicsError: it is none, or is not finished."""
    try:
        summary = read_json(folder / "results.json")
        detector = summary["measured"][0]["detector"]
        limits = Thresholds.from_json({k: v for k, v in summary["thresholds"].items() if k != "n"})
        scored: dict[str, dict[str, ComparedScore]] = {}
        table = read_untrusted(folder / "scores.csv", MAX_TABLE_BYTES).data.decode("utf-8")
        for row in csv.DictReader(io.StringIO(table, newline="")):
            if row["detector"] == detector:
                scored.setdefault(row["perturbation"], {})[row["sha256"]] = _scored(row)
    except (ForensicsError, ValueError, KeyError, IndexError, TypeError, csv.Error) as error:
        raise ForensicsError(
            f"{printable(folder)}: holds no finished benchmark ({printable(repr(error))}); name two --out folders"
        ) from error
    return BenchmarkResults(folder, detector, limits, scored)


def _scored(row: Mapping[str, str]) -> ComparedScore:
    value = float(row["log10_lr"])
    if row["label"] not in ("0", "1") or not np.isfinite(value):
        raise ValueError("a label or score that is none")
    return ComparedScore(
        row["sha256"], int(row["label"]), row["source"], row["draws"], bool(row["withheld"]), value
    )


def compare(
    a: BenchmarkResults,
    b: BenchmarkResults,
    *,
    seed: int = 0,
    n_bootstrap: int = N_BOOTSTRAP,
    on_done: Callable[[int], None] = lambda n: None,
) -> BenchmarkComparison:
    """Everything both have, in the order of A. ForensicsError where they have too few images in common."""
    names = [name for name in a.scored if name in b.scored]
    left_out = list(_left_out(a, b))
    common = {
        image.sha256
        for image in a.scored.get("none", {}).values()
        if (other := b.scored.get("none", {}).get(image.sha256)) is not None and other.label == image.label
    }
    labels = [a.scored["none"][sha256].label for sha256 in common]
    if min(labels.count(0), labels.count(1)) < _FEWEST:
        raise ForensicsError(
            f"{printable(a.folder)} and {printable(b.folder)}: have {labels.count(0)} authentic and {labels.count(1)} "
            f"synthetic images in common, too few to compare; run both on the same corpora"
        )
    found: list[Difference] = []
    for name in names:
        pairs = [(x, y) for s, x in a.scored[name].items() if s in common and (y := b.scored[name].get(s))]
        if any(x.draws != y.draws for x, y in pairs):
            left_out.append(f"{name}: other draws (run both with the same --seed)")
        else:
            found += [*_measured(name, pairs, seed, n_bootstrap), *_verdicts(name, pairs, a, b)]
        on_done(1)
    return BenchmarkComparison(a, b, len(common), tuple(left_out), tuple(_adjusted(found)))


def _left_out(a: BenchmarkResults, b: BenchmarkResults) -> Iterator[str]:
    mine, theirs = a.scored.get("none", {}).keys(), b.scored.get("none", {}).keys()
    for folder, only in ((a.folder, mine - theirs), (b.folder, theirs - mine)):
        if only:
            yield f"{len(only)} images that only {printable(folder)} has"
    for folder, names in ((a.folder, a.scored.keys() - b.scored), (b.folder, b.scored.keys() - a.scored)):
        if names:
            yield f"{', '.join(sorted(names))}: only in {printable(folder)}"


def _measured(
    name: str, pairs: Sequence[tuple[ComparedScore, ComparedScore]], seed: int, n_bootstrap: int
) -> Iterator[Difference]:
    sources = sorted({x.source for x, _ in pairs if x.label == 1})
    for part in ("", *(sources if len(sources) > 1 else ())):
        chosen = [(x, y) for x, y in pairs if x.label == 0 or part in ("", x.source)]
        labels = np.array([x.label for x, _ in chosen])
        scores = tuple(np.array([pair[k].log10_lr for pair in chosen]) for k in (0, 1))
        wanted = METRICS if part == "" else ("auc",)
        n = int((labels == 0).sum()), int((labels == 1).sum())
        for measure, values in _paired(scores, labels, wanted, seed, n_bootstrap).items():
            yield Difference(name, part, measure, *values, *n)


def _paired(
    scores: tuple[NDArray[np.float64], ...],
    labels: NDArray[np.int64],
    wanted: Sequence[str],
    seed: int,
    n_bootstrap: int,
) -> dict[str, tuple[float, float, float, float, float]]:
    """Measure → value of A, of B, interval of B − A, and two-sided p of no difference."""
    data_a, data_b = (once(column, labels) for column in scores)
    value_a, value_b = measures(data_a, wanted), measures(data_b, wanted)
    both = (replicates(data.authentic, data.synthetic, n_bootstrap, seed) for data in (data_a, data_b))
    # The weights depend on the seed and the sizes only: the same images on both sides.
    blocks = [(measures(a, wanted), measures(b, wanted)) for a, b in zip(*both, strict=True)]
    found: dict[str, tuple[float, float, float, float, float]] = {}
    for name in [name for name in MEASURES if name in value_a]:
        change = np.concatenate([of_b[name] - of_a[name] for of_a, of_b in blocks])
        low, high = np.percentile(change, (2.5, 97.5))
        tail = 1 + min(int((change <= 1e-12).sum()), int((change >= -1e-12).sum()))
        p = min(1.0, 2 * tail / (len(change) + 1))
        found[name] = (float(value_a[name][0]), float(value_b[name][0]), float(low), float(high), p)
    return found


def _verdicts(
    name: str, pairs: Sequence[tuple[ComparedScore, ComparedScore]], a: BenchmarkResults, b: BenchmarkResults
) -> Iterator[Difference]:
    """Images called synthetic, each side at its own shipped threshold; a withheld verdict calls nothing."""
    from scipy.stats import binomtest

    for label, measure in ((0, "false_alarms"), (1, "detections")):
        called = np.array(
            [(_flags(x, a.thresholds), _flags(y, b.thresholds)) for x, y in pairs if x.label == label]
        )
        only_a = int((called[:, 0] & ~called[:, 1]).sum())
        only_b = int((called[:, 1] & ~called[:, 0]).sum())
        p = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
        share, n = called.mean(axis=0), len(called)
        spread = 1.959963984540054 * np.sqrt(max(only_a + only_b - (only_b - only_a) ** 2 / n, 0.0)) / n
        change = float(share[1] - share[0])
        sizes = (n, 0) if label == 0 else (0, n)
        limits = change - float(spread), change + float(spread)
        yield Difference(
            name, "", measure, float(share[0]), float(share[1]), *limits, p, *sizes, only_a, only_b
        )


def _flags(image: ComparedScore, limits: Thresholds) -> bool:
    return not image.withheld and limits.verdict(image.log10_lr) == "synthetic"


def _adjusted(found: Sequence[Difference]) -> list[Difference]:
    """Holm's step-down adjustment over all of them, in the given order."""
    adjusted, largest = dict[int, float](), 0.0
    for rank, k in enumerate(sorted(range(len(found)), key=lambda k: found[k].p)):
        largest = max(largest, min(1.0, (len(found) - rank) * found[k].p))
        adjusted[k] = largest
    return [replace(one, adjusted_p=adjusted[k]) for k, one in enumerate(found)]
