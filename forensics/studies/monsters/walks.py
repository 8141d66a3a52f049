"""The tables of the walks of a monster study: yield along them, and over all their steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forensics.metrics.detection import wilson
from forensics.report.rows import Row
from forensics.studies.monsters.plan import MonsterPlan
from forensics.studies.monsters.rows import WalkStep
from forensics.studies.monsters.survival import survival

_REPLICATES = 2000


@dataclass(frozen=True)
class WalkYieldRow(Row):
    """At a position of the walks of a step size: the mean radius, and the share of walks that hold a face (Wilson
    95 %)."""

    step: float
    position: int
    radius: float
    n: int
    face_yield: float
    low: float
    high: float


@dataclass(frozen=True)
class WalkSummaryRow(Row):
    """Percent yield over all steps of the walks of a step size (each step counted as the nearest one looked at), its
    bootstrap 95 % interval over walks (None: all alike), walks that lost the face, the median step and radius of the
    first loss, and the mean radius at the end."""

    step: float
    walks: int
    face_yield: float
    low: float | None
    high: float | None
    lost: int
    median_step: float | None
    median_radius: float | None
    end_radius: float


def walk_rows(walks: Sequence[WalkStep], threshold: float) -> list[WalkYieldRow]:
    """A row for each step size and position."""
    groups: dict[tuple[float, int], list[WalkStep]] = {}
    for row in walks:
        groups.setdefault((row.step, row.position), []).append(row)
    table = []
    for (step, position), rows in groups.items():
        faces = sum(row.score >= threshold for row in rows)
        radius = float(np.mean([row.radius for row in rows]))
        interval = wilson(faces, len(rows))
        table.append(WalkYieldRow(step, position, radius, len(rows), faces / len(rows), *interval))
    return table


def walk_summary(walks: Sequence[WalkStep], plan: MonsterPlan) -> list[WalkSummaryRow]:
    """A row for each step size."""
    steps = dict.fromkeys(row.step for row in walks)
    return [_summary(step, [row for row in walks if row.step == step], plan) for step in steps]


def _summary(step: float, rows: Sequence[WalkStep], plan: MonsterPlan) -> WalkSummaryRow:
    names = list(dict.fromkeys(row.walk for row in rows))
    scores = np.array([[row.score for row in rows if row.walk == walk] for walk in names])
    radii = np.array([[row.radius for row in rows if row.walk == walk] for walk in names])
    lost = scores < plan.threshold
    weights = _nearest_counts(plan.positions, plan.walk_length)
    shares = (~lost) @ weights / weights.sum()
    first = [int(np.argmax(line)) if line.any() else None for line in lost]
    positions = survival(
        [None if k is None else plan.positions[k] for k in first], [plan.walk_length] * len(first)
    )
    at = survival(
        [None if k is None else float(radii[i, k]) for i, k in enumerate(first)], radii.max(axis=1).tolist()
    )
    return WalkSummaryRow(
        step,
        len(names),
        float(shares.mean()),
        *_interval(shares, plan.seed),
        lost=positions.lost,
        median_step=positions.quantile(0.5),
        median_radius=at.quantile(0.5),
        end_radius=float(radii[:, -1].mean()),
    )


def _interval(shares: np.ndarray, seed: int) -> tuple[float | None, float | None]:
    """Bootstrap 95 % interval of the mean of shares [walks]."""
    if np.ptp(shares) == 0:
        return None, None  # walks that are all alike do not tell how unlike others would be
    n = len(shares)
    drawn = np.random.default_rng([seed, 7]).integers(0, n, (_REPLICATES, n))
    low, high = np.percentile(shares[drawn].mean(axis=1), (2.5, 97.5)).tolist()
    return low, high


def _nearest_counts(positions: Sequence[int], length: int) -> np.ndarray:
    """How many of the steps 0 ... length - 1 are nearest to each of `positions`."""
    nearest = np.abs(np.arange(length)[:, None] - np.array(positions)).argmin(axis=1)
    return np.bincount(nearest, minlength=len(positions)).astype(float)
