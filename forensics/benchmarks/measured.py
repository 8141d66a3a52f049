"""Every metric of every detector, by perturbation and slice, and the table of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from forensics.benchmarks.rows import ScoredImage, scores_and_labels
from forensics.benchmarks.slices import slices
from forensics.core.terminal import printable
from forensics.metrics.detection import Estimate, evaluate

_COLUMNS = ("value", "low", "high", "n_authentic", "n_synthetic")


@dataclass(frozen=True)
class Measured:
    """All measures of one detector on one slice under one perturbation."""

    detector: str
    perturbation: str
    kind: str
    name: str
    estimates: Mapping[str, Estimate]

    @property
    def auc(self) -> Estimate:
        """Area under the ROC."""
        return self.estimates["auc"]

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        key = {
            "detector": self.detector,
            "perturbation": self.perturbation,
            "slice": self.kind,
            "name": self.name,
        }
        return key | {"measures": {name: e.to_json() for name, e in self.estimates.items()}}


def measure(
    rows: Sequence[ScoredImage],
    *,
    seed: int,
    n_bootstrap: int,
    on_done: Callable[[int], None] = lambda n: None,
) -> Iterator[Measured]:
    """Every detector under every perturbation on every slice; parts of an ensemble on the whole only.

    In the order of the plan, the deciding detector first.
    """
    parts = slices(rows)
    for perturbation, entry in rows[0].scores.items():
        for k, detector in enumerate(entry.log10_lr):
            values, labels = scores_and_labels(rows, perturbation, detector)
            for part in parts if k == 0 else parts[:1]:
                chosen = values[part.chosen], labels[part.chosen]
                estimates = evaluate(*chosen, seed=seed, n_bootstrap=n_bootstrap)
                yield Measured(detector, perturbation, part.kind, part.name, estimates)
            on_done(1)


def measured_table(measured: Sequence[Measured]) -> str:
    """results.csv, one line a measure: detector, perturbation, slice, measure, value, interval and n."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(("detector", "perturbation", "slice", "name", "measure", *_COLUMNS))
    for m in measured:
        for measure_name, estimate in m.estimates.items():
            values = estimate.to_json()
            key = (m.detector, m.perturbation, m.kind, printable(m.name), measure_name)
            table.writerow((*key, *(values[c] for c in _COLUMNS)))
    return buffer.getvalue()
