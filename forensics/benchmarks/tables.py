"""From scored rows to tables: measures by detector, perturbation and slice, and verdicts at the shipped thresholds.

A slice is a part of the images that is looked at by itself: one synthetic source, one psi, one recipe or one distance
from the mean latent against all authentic images; one authentic source against all synthetic images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.detectors.description import Description
from forensics.metrics.detection import Estimate, evaluate, wilson

Rows = Sequence[Mapping[str, Any]]
ALL = ("all", "")
_WIDTHS = {"psi": 0.1, "radius": 0.25}
_FEW_VALUES, _MOST_BINS = 8, 12


@dataclass(frozen=True)
class Slice:
    """Which of the rows, and why: `kind` is all, source, psi, recipe, radius or authentic; `name` which of them."""

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
        named = (
            _binned(values, _WIDTHS[kind])
            if kind in _WIDTHS
            else [None if v is None else (0, v) for v in values]
        )
        parts = sorted({v for v in named if v is not None})
        for name in parts if len(parts) > 1 or kind in ("psi", "recipe", "radius") else ():
            part = np.array([v == name for v in named])
            if not part[labels == label].all() or len(parts) > 1:
                found.append(Slice(kind, name[1], part | (labels != label)))

    add("source", "source", 1)
    add("psi", "psi", 1)
    add("recipe", "recipe", 1)
    add("radius", "radius", 1)
    add("authentic", "source", 0)
    return found


def _binned(values: Sequence[float | None], width: float) -> list[tuple[int, str] | None]:
    """Place and name of each number: by itself where there are few, else a bin of (a multiple of) `width`."""
    known = sorted({v for v in values if v is not None})
    if len(known) <= _FEW_VALUES:
        return [None if v is None else (known.index(v), f"{v:g}") for v in values]
    while known[-1] // width - known[0] // width >= _MOST_BINS:
        width *= 2
    places = [None if v is None else int(v // width) for v in values]
    return [None if k is None else (k, f"{k * width:.2f} to {(k + 1) * width:.2f}") for k in places]


def unequal_psi(rows: Rows) -> str:
    """What to say where the generators were not sampled at the same truncation: then their rates cannot be compared.

    Truncation makes samples more alike and easier to tell: which generator is harder to detect can be said at equal psi
    only. Empty where all synthetic sources have the same psi in the same shares, or there is one source.
    """
    psi: dict[str, list[float | None]] = {}
    for row in rows:
        if row["label"] == 1:
            psi.setdefault(row["source"], []).append(row["psi"])
    if len(psi) < 2:
        return ""
    shares = {
        tuple(sorted((str(v), round(values.count(v) / len(values), 1)) for v in set(values)))
        for values in psi.values()
    }
    if len(shares) == 1 and not any(None in values for values in psi.values()):
        return ""
    said = "; ".join(f"{source}: {_psi_words(values)}" for source, values in sorted(psi.items()))
    return (
        f"The generators were not sampled at the same psi ({said}): their rates say nothing of which of them is "
        "harder to detect."
    )


def unreachable(description: Description, name: str) -> str:
    """What to say of a detector whose thresholds lie beyond the bounds of its scores: one verdict is never given.

    Where nothing can be called synthetic, a false alarm rate of 0 means nothing.
    """
    bounds, limits = description.calibration, description.thresholds
    if not bounds or not limits:
        return ""
    beyond = []
    if limits.synthetic_at > bounds.highest:
        beyond.append(f"synthetic (from {limits.synthetic_at:+.2f}, its scores end at {bounds.highest:+.2f})")
    if limits.authentic_at < bounds.lowest:
        beyond.append(f"authentic (up to {limits.authentic_at:+.2f}, its scores end at {bounds.lowest:+.2f})")
    if not beyond:
        return ""
    return f"{name} can never say {' nor '.join(beyond)}: its thresholds lie beyond the bounds of its calibration."


def _psi_words(values: Sequence[float | None]) -> str:
    known = sorted({v for v in values if v is not None})
    if not known:
        return "psi unknown"
    words = (
        ", ".join(f"{v:g}" for v in known) if len(known) <= _FEW_VALUES else f"{known[0]:g} to {known[-1]:g}"
    )
    return f"psi {words}" + (" or unknown" if None in values else "")


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
