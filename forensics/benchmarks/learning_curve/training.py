"""The trainings of a learning curve: each point is kept as a file, so a kill costs one training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from forensics.benchmarks.learning_curve.curve import CurvePoint, nested
from forensics.core.differences import differences, in_a_line
from forensics.core.errors import ForensicsError
from forensics.core.files import write_json
from forensics.core.outputs import hold_folder
from forensics.core.terminal import Progress, printable
from forensics.core.untrusted import read_json
from forensics.corpus.pools.pool import FITTED, Pool
from forensics.detectors.fitting.engine import TrainingOptions, train_detector

PLAN: Final = "curve_plan.json"
_DIGITS: Final = 6


@dataclass(frozen=True)
class CurvePlan:
    """What is trained: the kind of detector, sizes (training images in all), seeds, and where it is kept."""

    kind: str
    out: Path
    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    device: str = "cpu"


def run_curve(plan: CurvePlan, fitted: Pool, tested: Pool, progress: Progress) -> list[CurvePoint]:
    """Train and score whatever is not yet there. `fitted` holds the pools train and calibrate, with their places."""
    roles = np.array([name for name, _ in fitted.places])
    training, held = (fitted.take(np.flatnonzero(roles == role)) for role in FITTED)
    points = []
    with hold_folder(plan.out), progress("learning curve", len(plan.sizes) * len(plan.seeds)) as meter:
        _check_plan(plan, fitted, tested)
        for seed in plan.seeds:
            for size in plan.sizes:
                subset = training.take(nested(training, size, seed))
                points.append(_point(plan, subset, held, tested, size, seed))
                meter.advance(1, f"{size} images, seed {seed}")
    return points


def _check_plan(plan: CurvePlan, fitted: Pool, tested: Pool) -> None:
    now = {"kind": plan.kind, "fitted": fitted.fingerprint(), "tested": tested.fingerprint()}
    file = plan.out / PLAN
    if not file.exists():
        write_json(file, now)
    elif differing := differences(read_json(file), now):
        raise ForensicsError(
            f"{printable(plan.out)}: holds a learning curve made with other options ({in_a_line(differing)}); "
            "name another --out"
        )


def _point(plan: CurvePlan, training: Pool, held: Pool, tested: Pool, size: int, seed: int) -> CurvePoint:
    file = plan.out / "points" / f"{size:06d}_{seed}.json"
    sizes = int((training.labels == 0).sum()), int((training.labels == 1).sum())
    if not file.exists():
        work = plan.out / "work" / f"{size:06d}_{seed}"
        options = TrainingOptions(work=work, seed=seed, device=plan.device)
        detector = train_detector(plan.kind, _joined(training, held), work / "detector", options)
        scores = [round(float(x), _DIGITS) for x in detector.score(tested.images)]
        write_json(file, {"scores": scores, "n": sizes})
    return CurvePoint(size, seed, *sizes, np.array(read_json(file)["scores"]))


def _joined(a: Pool, b: Pool) -> Pool:
    return Pool(
        a.images + b.images,
        np.concatenate([a.labels, b.labels]),
        a.sources + b.sources,
        a.sha256 + b.sha256,
        a.trimmed,
        a.phash + b.phash,
        a.origins + b.origins,
        a.places + b.places,
    )
