"""From scored rows to tables: measures by detector, perturbation and slice, and verdicts at the shipped thresholds.

A slice is a part of the images that is looked at by itself: one synthetic source, one psi or one recipe against all
authentic images; one authentic source against all synthetic images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.benchmarks.metrics import Estimate, evaluate, wilson

Rows = Sequence[Mapping[str, Any]]
ALL = ("all", "")


@dataclass(frozen=True)
class Slice:
    """Which of the rows, and why: `kind` is all, source, psi, recipe or authentic; `name` which of them."""

    kind: str
    name: str
    chosen: NDArray[np.bool_]  # [n]


@dataclass(frozen=True)
class Measured:
    """All measures of one detector on one slice under one perturbation."""

    detector: str
    perturbation: str
    kind: str
    name: str
    estimates: Mapping[str, Estimate]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        key = {
            "detector": self.detector,
            "perturbation": self.perturbation,
            "slice": self.kind,
            "name": self.name,
        }
        return key | {"measures": {name: e.to_json() for name, e in self.estimates.items()}}


def slices(rows: Rows) -> list[Slice]:
    """The whole first, then every part that has both classes and is not the whole."""
    labels = np.array([row["label"] for row in rows])
    found = [Slice(*ALL, np.ones(len(rows), dtype=bool))]

    def add(kind: str, key: str, label: int) -> None:
        values = [row[key] if row["label"] == label else None for row in rows]
        names = sorted({v for v in values if v is not None})
        for name in names if len(names) > 1 or kind in ("psi", "recipe") else ():
            part = np.array([v == name for v in values])
            if not part[labels == label].all() or len(names) > 1:
                found.append(
                    Slice(kind, f"{name:g}" if isinstance(name, float) else name, part | (labels != label))
                )

    add("source", "source", 1)
    add("psi", "psi", 1)
    add("recipe", "recipe", 1)
    add("authentic", "source", 0)
    return found


def scores_and_labels(
    rows: Rows, perturbation: str, detector: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """log10 LR [n] and labels [n] of rows that were scored."""
    values = [row["scores"][perturbation]["log10_lr"][detector] for row in rows]
    return np.array(values, dtype=np.float64), np.array([row["label"] for row in rows], dtype=np.int64)


def measure(
    rows: Rows, *, seed: int, n_bootstrap: int, on_done: Callable[[int], None] = lambda n: None
) -> Iterator[Measured]:
    """Every detector under every perturbation on every slice; parts of an ensemble on the whole only."""
    parts = slices(rows)
    for perturbation, entry in rows[0][
        "scores"
    ].items():  # in the order of the plan, the deciding detector first
        for k, detector in enumerate(entry["log10_lr"]):
            values, labels = scores_and_labels(rows, perturbation, detector)
            for part in parts if k == 0 else parts[:1]:
                chosen = values[part.chosen], labels[part.chosen]
                estimates = evaluate(*chosen, seed=seed, n_bootstrap=n_bootstrap)
                yield Measured(detector, perturbation, part.kind, part.name, estimates)
            on_done(1)


def verdicts(
    rows: Rows, detector: str, verdict: Callable[[float], str], perturbation: str
) -> list[dict[str, Any]]:
    """How often each class and source got each verdict at thresholds fixed beforehand, with Wilson intervals.

    Where `forensics detect` would withhold its verdict the image is inconclusive; `withheld` counts those.
    """
    groups: dict[tuple[int, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        for source in ("", row["source"]):
            groups.setdefault((row["label"], source), []).append(row["scores"][perturbation])
    result = []
    for (label, source), entries in sorted(groups.items()):
        given = [
            "inconclusive" if entry["withheld"] else verdict(entry["log10_lr"][detector]) for entry in entries
        ]
        counts = {word: given.count(word) for word in ("synthetic", "inconclusive", "authentic")}
        result.append(
            {
                "perturbation": perturbation,
                "label": label,
                "source": source,
                "n": len(entries),
                "withheld": sum(bool(entry["withheld"]) for entry in entries),
                "counts": counts,
                "intervals": {
                    word: [round(x, 6) for x in wilson(k, len(entries))] for word, k in counts.items()
                },
            }
        )
    return result
