"""The page of `forensics benchmark`: the result in one sentence, tables, curves, then the images judged worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forensics.benchmarks.measured import Measured
from forensics.benchmarks.outcome import BenchmarkOutcome
from forensics.benchmarks.pages.heat import heat_table
from forensics.benchmarks.perturbations.named import UNCHANGED
from forensics.benchmarks.rows import scores_and_labels
from forensics.benchmarks.verdicts import VerdictCounts
from forensics.core.terminal import printable
from forensics.images import DecodedImage, decode_many
from forensics.metrics.detection import Estimate
from forensics.report import charts, images
from forensics.report.page import render

_GALLERY = 7
_GALLERY_PX = 200
_WORST = (
    (0, -1, "Authentic images that look most synthetic"),
    (1, 1, "Synthetic images that look most authentic"),
)


@dataclass(frozen=True)
class VerdictLine:
    """A line of the table of verdicts: the counts, the class and source in words, and whether it begins a group."""

    verdict: VerdictCounts
    name: str
    first: bool


@dataclass(frozen=True)
class DetectorLine:
    """A detector, and its AUC on all images under each perturbation."""

    name: str
    aucs: tuple[Estimate, ...]


@dataclass(frozen=True)
class Figure:
    """A picture as a data: URI, its title, and what to look for."""

    uri: str
    title: str
    words: str


@dataclass(frozen=True)
class GalleryImage:
    """A thumbnail as a data: URI, the image's score and its file's name."""

    uri: str
    log10_lr: float
    name: str


@dataclass(frozen=True)
class Gallery:
    """Some images under one title."""

    title: str
    images: tuple[GalleryImage, ...]


def benchmark_page(outcome: BenchmarkOutcome, evidence: Sequence[tuple[str, str]]) -> str:
    """The page as HTML; `evidence` is names and values that are needed to repeat the benchmark."""
    whole = [m for m in outcome.of_detector() if m.kind == "all"]
    context = {
        "title": f"Benchmark of {corpora_in_words(outcome)}",
        "headline": headline(outcome),
        "detector": outcome.detector,
        "n_authentic": whole[0].auc.n_authentic,
        "n_synthetic": whole[0].auc.n_synthetic,
        "leakage": outcome.leakage,
        "counts": outcome.counts(),
        "unchecked": _unchecked(outcome),
        "unreachable": outcome.unreachable(),
        "comparability": outcome.comparability(),
        "failures": outcome.failures,
        "duplicates": outcome.plan.listing.duplicates,
        "whole": whole,
        "heat": heat_table(outcome.of_detector()),
        "detectors": _detectors(outcome.measured),
        "thresholds": outcome.detector.thresholds.to_json(),
        "verdicts": _verdict_lines(outcome.verdicts),
        "figures": _figures(outcome),
        "galleries": [_gallery(outcome, *group) for group in _WORST],
        "evidence": evidence,
        "perturbations": [(p.name, p.meaning) for p in outcome.plan.perturbations if p.kind != UNCHANGED],
        "perturbation_name": perturbation_name,
    }
    return render("benchmark.html", context)


def corpora_in_words(outcome: BenchmarkOutcome) -> str:
    """The folders that were measured on, by their last two names."""
    folders = dict.fromkeys(Path(item.corpus).resolve() for item in outcome.plan.listing.items)
    return ", ".join(printable("/".join(folder.parts[-2:])) for folder in folders)


def headline(outcome: BenchmarkOutcome) -> str:
    """The result in one sentence: separation, and what the shipped thresholds catch and accuse."""
    whole = next(m for m in outcome.of_detector() if m.kind == "all" and m.perturbation == UNCHANGED)
    caught, accused = (_called_synthetic(outcome, label) for label in (1, 0))
    return (
        f"{printable(outcome.detector.id)} tells the {whole.auc.n_synthetic} synthetic from the "
        f"{whole.auc.n_authentic} authentic images of {corpora_in_words(outcome)} with an AUC of "
        f"{whole.auc.value:.3f} [{whole.auc.low:.3f}, {whole.auc.high:.3f}]; at its shipped threshold it calls "
        f"{100 * caught:.0f} % of the synthetic and {100 * accused:.1f} % of the authentic ones synthetic."
    )


def _called_synthetic(outcome: BenchmarkOutcome, label: int) -> float:
    of_class = [v for v in outcome.verdicts if (v.label, v.source, v.perturbation) == (label, "", UNCHANGED)]
    return of_class[0].share("synthetic")[0]


def perturbation_name(name: str) -> str:
    """As the page says it: `none` is "as it is"."""
    return "as it is" if name == UNCHANGED else name


def _unchecked(outcome: BenchmarkOutcome) -> list[str]:
    """Detectors that do not say what they were fitted on."""
    return [d.id for d in outcome.plan.detectors if outcome.exposure.fitted.get(d.id) is None]


def _detectors(measured: Sequence[Measured]) -> list[DetectorLine]:
    rows: dict[str, list[Estimate]] = {}
    for m in measured:
        if m.kind == "all":
            rows.setdefault(m.detector, []).append(m.auc)
    return [DetectorLine(name, tuple(aucs)) for name, aucs in rows.items()]


def _verdict_lines(verdicts: Sequence[VerdictCounts]) -> list[VerdictLine]:
    """Class totals are left out where the class has one source only."""
    lines = []
    for perturbation in dict.fromkeys(v.perturbation for v in verdicts):
        here = [v for v in verdicts if v.perturbation == perturbation]
        n_sources = {label: sum(v.label == label and v.source != "" for v in here) for label in (0, 1)}
        listed = [v for v in here if v.source != "" or n_sources[v.label] != 1]
        for v in listed:
            of_class = "authentic" if v.label == 0 else "synthetic"
            lines.append(VerdictLine(v, f"{of_class}, {v.source or 'all'}", v is listed[0]))
    return lines


def _figures(outcome: BenchmarkOutcome) -> list[Figure]:
    detectors = list(outcome.rows[0].scores[UNCHANGED].log10_lr)
    curves = {name: scores_and_labels(outcome.rows, UNCHANGED, name) for name in detectors}
    scores, labels = curves[outcome.detector.id]
    thresholds = outcome.detector.thresholds
    limits = [thresholds.authentic_at, thresholds.synthetic_at]
    return [
        Figure(charts.roc(curves), "ROC",
               "False positives on a logarithmic axis: low rates are what decides in use."),
        Figure(charts.det(curves), "DET",
               "Both error rates on normal deviate axes; nearer the corner is better."),
        Figure(charts.histogram(scores, labels, limits), "Scores", "Dashed: the shipped thresholds."),
        Figure(charts.tippett(scores, labels), "Tippett plot",
               "Misleading: evidence for the wrong side of 0."),
        Figure(charts.reliability(scores, labels), "Reliability",
               "On the diagonal, what is stated is what is found."),
        Figure(charts.cross_entropy(scores, labels), "Empirical cross-entropy",
               "Cost over all priors; above the dashed line the detector does harm."),
    ]  # fmt: skip


def _gallery(outcome: BenchmarkOutcome, label: int, sign: int, title: str) -> Gallery:
    """The images of a class whose scores, times `sign`, are lowest."""
    scores, labels = scores_and_labels(outcome.rows, UNCHANGED, outcome.detector.id)
    paths = {(i.corpus, i.file): i.path for i in outcome.plan.listing.items}
    of_class = np.flatnonzero(labels == label)
    worst = of_class[np.argsort(sign * scores[of_class], kind="stable")][:_GALLERY]
    rows = [outcome.rows[k] for k in worst]
    decoded = decode_many(paths[row.corpus, row.file] for row in rows)
    return Gallery(
        title,
        tuple(
            GalleryImage(
                images.jpeg_uri(images.thumbnail(image.pixels, _GALLERY_PX)),
                float(scores[k]),
                Path(row.file).name,
            )
            for k, row, image in zip(worst, rows, decoded, strict=True)
            if isinstance(image, DecodedImage)
        ),
    )
