"""The page of `forensics benchmark`: tables first, then curves, then the images that were judged worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forensics.benchmarks.tables import Measured, scores_and_labels, unequal_psi
from forensics.images import DecodedImage, decode_many
from forensics.report import charts, images
from forensics.report.page import render

if TYPE_CHECKING:
    from forensics.benchmarks.protocol import Outcome

_GALLERY = 7
_GALLERY_PX = 200
_HEAT_LOW, _HEAT_HIGH = np.array([247, 236, 214]), np.array([23, 97, 127])  # AUC ½ and 1


def benchmark_page(outcome: Outcome, evidence: Sequence[tuple[str, str]]) -> str:
    """The page as HTML; `evidence` is names and values that are needed to repeat the benchmark."""
    main = outcome.detector.id
    whole = [m for m in outcome.measured if m.detector == main and m.kind == "all"]
    n = whole[0].estimates["auc"]
    context = {
        "title": f"Benchmark on {n.n_authentic + n.n_synthetic} images",
        "detector": outcome.detector,
        "n_authentic": n.n_authentic,
        "n_synthetic": n.n_synthetic,
        "leakage": outcome.leakage,
        "counts": outcome.counts(),
        "unchecked": _unchecked(outcome),
        "unreachable": outcome.unreachable(),
        "comparability": unequal_psi(outcome.rows) if outcome.rows else "",
        "failures": outcome.failures,
        "duplicates": outcome.plan.listing.duplicates,
        "whole": whole,
        "heat": _heat([m for m in outcome.measured if m.detector == main]),
        "detectors": _detectors(outcome.measured),
        "thresholds": outcome.detector.thresholds,
        "verdicts": _verdict_rows(outcome.verdicts),
        "figures": _figures(outcome),
        "gallery": _gallery(outcome),
        "evidence": evidence,
        "perturbations": [(p.name, p.meaning) for p in outcome.plan.perturbations if p.kind != "none"],
        "perturbation_name": perturbation_name,
    }
    return render("benchmark.html", context)


def _unchecked(outcome: Outcome) -> list[str]:
    """Detectors that do not say what they were fitted on."""
    known = outcome.exposure.to_json([d.id for d in outcome.plan.detectors])["fitted_on"]
    return [name for name, n in known.items() if n is None]


def _heat(measured: Sequence[Measured]) -> dict[str, Any]:
    """AUC by slice (rows) and perturbation (columns), with colours."""
    columns = list(dict.fromkeys(m.perturbation for m in measured))
    rows: dict[tuple[str, str], list[Measured]] = {}
    for m in measured:
        rows.setdefault((m.kind, m.name), []).append(m)
    return {
        "columns": columns,
        "rows": [
            {
                "name": slice_name(kind, name),
                "n": min(cells[0].estimates["auc"].n_authentic, cells[0].estimates["auc"].n_synthetic)
                if kind != "all"
                else cells[0].estimates["auc"].n_authentic + cells[0].estimates["auc"].n_synthetic,
                "cells": [_cell(m) for m in cells],
            }
            for (kind, name), cells in rows.items()
        ],
    }


def slice_name(kind: str, name: str) -> str:
    """A slice in words."""
    words = {
        "all": "all",
        "source": name,
        "psi": f"psi {name}",
        "recipe": f"recipe {name}",
        "radius": f"radius {name}",
    }
    return words.get(kind, f"{name} (authentic)")


def perturbation_name(name: str) -> str:
    """As the page says it: `none` is "as it is"."""
    return "as it is" if name == "none" else name


def _cell(m: Measured) -> dict[str, Any]:
    return heat_cell(m.estimates["auc"].value, m.estimates["auc"].low, m.estimates["auc"].high)


def heat_cell(value: float, low: float, high: float, chance: float = 0.5) -> dict[str, Any]:
    """A value in [0, 1] with its interval and colours; at `chance` and below the colour is that of nothing."""
    share = float(np.clip((value - chance) / (1 - chance), 0, 1)) ** 2  # most of the scale for the upper end
    r, g, b = _HEAT_LOW + share * (_HEAT_HIGH - _HEAT_LOW)
    return {
        "value": value,
        "low": low,
        "high": high,
        "background": f"rgb({r:.0f} {g:.0f} {b:.0f})",
        "ink": "#fff" if share > 0.55 else "#1f2125",
    }


def _detectors(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    rows: dict[str, list[Any]] = {}
    for m in measured:
        if m.kind == "all":
            rows.setdefault(m.detector, []).append(m.estimates["auc"])
    return [{"name": name, "aucs": aucs} for name, aucs in rows.items()]


def _verdict_rows(verdicts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Class totals are left out where the class has one source only."""
    rows = []
    for p in dict.fromkeys(v["perturbation"] for v in verdicts):
        here = [v for v in verdicts if v["perturbation"] == p]
        n_sources = {label: sum(v["label"] == label and v["source"] != "" for v in here) for label in (0, 1)}
        kept = [v for v in here if v["source"] != "" or n_sources[v["label"]] != 1]
        for v in kept:
            of_class = "authentic" if v["label"] == 0 else "synthetic"
            name = f"{of_class}, {v['source']}" if v["source"] else f"{of_class}, all"
            rows.append({**v, "name": name, "first": v is kept[0]})
    return rows


def _figures(outcome: Outcome) -> list[dict[str, str]]:
    ids = list(outcome.rows[0]["scores"]["none"]["log10_lr"])
    curves = {id: scores_and_labels(outcome.rows, "none", id) for id in ids}
    scores, labels = curves[outcome.detector.id]
    thresholds = outcome.detector.thresholds
    limits = [thresholds.authentic_at, thresholds.synthetic_at]
    return [
        {"uri": uri, "title": title, "words": words}
        for uri, title, words in (
            (
                charts.roc(curves),
                "ROC",
                "False positives on a logarithmic axis: low rates are what decides in use.",
            ),
            (
                charts.det(curves),
                "DET",
                "Both error rates on normal deviate axes; nearer the corner is better.",
            ),
            (charts.histogram(scores, labels, limits), "Scores", "Dashed: the shipped thresholds."),
            (charts.tippett(scores, labels), "Tippett plot", "Misleading: evidence for the wrong side of 0."),
            (
                charts.reliability(scores, labels),
                "Reliability",
                "On the diagonal, what is stated is what is found.",
            ),
            (
                charts.cross_entropy(scores, labels),
                "Empirical cross-entropy",
                "Cost over all priors; above the dashed line the detector does harm.",
            ),
        )
    ]


def _gallery(outcome: Outcome) -> list[dict[str, Any]]:
    """The authentic images with the highest and the synthetic ones with the lowest scores."""
    scores, labels = scores_and_labels(outcome.rows, "none", outcome.detector.id)
    paths = {(i.corpus, i.file): i.path for i in outcome.plan.listing.items}
    groups = []
    for label, sign, title in ((0, -1, "Authentic images that look most synthetic"),
                               (1, 1, "Synthetic images that look most authentic")):  # fmt: skip
        of_class = np.flatnonzero(labels == label)
        worst = of_class[np.argsort(sign * scores[of_class], kind="stable")][:_GALLERY]
        rows = [outcome.rows[k] for k in worst]
        decoded = decode_many(paths[row["corpus"], row["file"]] for row in rows)
        items = [
            {
                "uri": images.jpeg_uri(images.thumbnail(image.pixels, _GALLERY_PX)),
                "log10_lr": float(scores[k]),
                "name": Path(row["file"]).name,
            }
            for k, row, image in zip(worst, rows, decoded, strict=True)
            if isinstance(image, DecodedImage)
        ]
        groups.append({"title": title, "items": items})
    return groups
