"""points.csv, a line a training and part, and curve.csv, the means over seeds."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from forensics.benchmarks.learning_curve.curve import N_BOOTSTRAP, CurveMean, CurvePoint, parts_of
from forensics.core.terminal import printable
from forensics.corpus.pools.pool import Pool
from forensics.metrics.detection import evaluate

_DIGITS = 6
_AUC_COLUMNS = ("auc", "low", "high", "n_authentic", "n_synthetic")


def points_table(points: Sequence[CurvePoint], tested: Pool) -> str:
    """points.csv: AUC of every training on every part, with its bootstrap interval."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(("part", "training_images", "authentic", "synthetic", "seed", *_AUC_COLUMNS))
    for part, chosen in parts_of(tested).items():
        for p in points:
            e = evaluate(p.scores[chosen], tested.labels[chosen], n_bootstrap=N_BOOTSTRAP)["auc"].to_json()
            values = (e[c] for c in ("value", *_AUC_COLUMNS[1:]))
            table.writerow((printable(part), p.size, p.n_authentic, p.n_synthetic, p.seed, *values))
    return buffer.getvalue()


def curve_table(curve: Sequence[CurveMean]) -> str:
    """curve.csv: the means over seeds."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    columns = ("part", "training_images", "auc", "low", "high", "sd_between_seeds", "n_seeds")
    table.writerow((*columns, *_AUC_COLUMNS[3:]))
    for m in curve:
        values = (round(v, _DIGITS) if isinstance(v, float) else v for v in list(vars(m).values())[1:])
        table.writerow((printable(m.part), *values))
    return buffer.getvalue()
