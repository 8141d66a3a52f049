"""Are monsters easier or harder to catch than faces at the same radius: a detector's log10 LR over the scanned images.

All monsters against all faces would be far images against near ones. Each stratum is therefore one radius of one
family, where both kinds were seen, weighted n_m n_f / (n_m + n_f) (Mantel & Haenszel 1959). Images along one direction
resemble one another: the bootstrap draws whole directions, within their family.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from forensics.detectors.thresholds import Thresholds
from forensics.metrics.detection import wilson
from forensics.report.rows import Row
from forensics.studies.monsters.rows import ScanRow

SPACES = {"w": "W", "s": "S"}
KINDS = ("faces", "monsters")
_REPLICATES = 2000


@dataclass(frozen=True, kw_only=True)
class Rates(Row):
    """Of n images: mean log10 LR with its interval by Student's t (None where n is 1), and the shares called synthetic
    and authentic with their Wilson 95 % intervals."""

    n: int
    log10_lr: float
    log10_lr_low: float | None
    log10_lr_high: float | None
    called_synthetic: float
    synthetic_low: float
    synthetic_high: float
    called_authentic: float
    authentic_low: float
    authentic_high: float


@dataclass(frozen=True, kw_only=True)
class RateRow(Rates):
    """The rates of the faces or of the monsters at one radius of a space."""

    space: str
    radius: float
    kind: str


@dataclass(frozen=True, kw_only=True)
class ComparisonRow(Row):
    """Monsters less faces at the same radius and family: in rate called synthetic, in rate called authentic and in mean
    log10 LR, each with a bootstrap 95 % interval over directions (None: all images are called alike)."""

    space: str
    strata: int
    faces: int
    monsters: int
    directions: int
    called_synthetic: float
    called_synthetic_low: float | None
    called_synthetic_high: float | None
    called_synthetic_images: int
    called_authentic: float
    called_authentic_low: float | None
    called_authentic_high: float | None
    called_authentic_images: int
    log10_lr: float
    log10_lr_low: float | None
    log10_lr_high: float | None


@dataclass(frozen=True)
class PartRow(Row):
    """Monsters less faces in the mean log10 LR of one part of the detector."""

    part: str
    space: str
    log10_lr: float
    log10_lr_low: float | None
    log10_lr_high: float | None


@dataclass(frozen=True)
class _Scored:
    """The images of a scan that have a score, as columns [n]."""

    space: np.ndarray
    family: np.ndarray
    direction: np.ndarray
    radius: np.ndarray
    monster: np.ndarray
    log10_lr: np.ndarray

    def at(self, chosen: np.ndarray) -> _Scored:
        return _Scored(*(getattr(self, each.name)[chosen] for each in fields(self)))

    @property
    def strata(self) -> np.ndarray:
        return np.array([f"{f} {r}" for f, r in zip(self.family, self.radius, strict=True)])


def _scored(scan: Sequence[ScanRow], threshold: float) -> _Scored:
    rows = [row for row in scan if row.log10_lr is not None]
    return _Scored(
        space=np.array([row.space for row in rows]),
        family=np.array([row.family for row in rows]),
        direction=np.array([f"{row.family} {row.index} {row.sign}" for row in rows]),
        radius=np.array([row.radius for row in rows], float),
        monster=np.array([row.score < threshold for row in rows], bool),
        log10_lr=np.array([row.log10_lr for row in rows], float),
    )


def rates(scan: Sequence[ScanRow], threshold: float, limits: Thresholds) -> list[RateRow]:
    """For each space, radius and kind the detector's rates. The images of a row come from as many directions."""
    table, rows = _scored(scan, threshold), []
    for space in SPACES:
        for radius in np.unique(table.radius[table.space == space]):
            for is_monster, kind in enumerate(KINDS):
                chosen = (
                    (table.space == space) & (table.radius == radius) & (table.monster == bool(is_monster))
                )
                if chosen.any():
                    called = rates_of(table.log10_lr[chosen], limits)
                    rows.append(RateRow(space=space, radius=float(radius), kind=kind, **vars(called)))
    return rows


def rates_of(log10_lr: np.ndarray, limits: Thresholds) -> Rates:
    """The rates of scores float64 [n]."""
    from scipy.stats import t

    n, mean = len(log10_lr), float(log10_lr.mean())
    half = float(t.ppf(0.975, n - 1) * log10_lr.std(ddof=1) / np.sqrt(n)) if n > 1 else None
    synthetic = int((log10_lr >= limits.synthetic_at).sum())
    authentic = int((log10_lr <= limits.authentic_at).sum())
    (s_low, s_high), (a_low, a_high) = wilson(synthetic, n), wilson(authentic, n)
    return Rates(
        n=n,
        log10_lr=mean,
        log10_lr_low=None if half is None else mean - half,
        log10_lr_high=None if half is None else mean + half,
        called_synthetic=synthetic / n,
        synthetic_low=s_low,
        synthetic_high=s_high,
        called_authentic=authentic / n,
        authentic_low=a_low,
        authentic_high=a_high,
    )


def comparison(
    scan: Sequence[ScanRow], threshold: float, limits: Thresholds, seed: int = 0
) -> list[ComparisonRow]:
    """For W and S: monsters less faces. A space without a stratum that holds both kinds has no row."""
    table = _scored(scan, threshold)
    rows = []
    for space in SPACES:
        here, strata = table.space == space, table.strata
        both = set(strata[here & table.monster]) & set(strata[here & ~table.monster])
        if both:
            rows.append(_compared(space, table.at(here & np.isin(strata, sorted(both))), limits, seed))
    return rows


def _compared(space: str, table: _Scored, limits: Thresholds, seed: int) -> ComparisonRow:
    weights = _weights(table.family, table.direction, seed)
    outcomes = {
        "called_synthetic": table.log10_lr >= limits.synthetic_at,
        "called_authentic": table.log10_lr <= limits.authentic_at,
        "log10_lr": table.log10_lr,
    }
    measured: dict[str, float | None] = {}
    for name, values in outcomes.items():
        outcome = values.astype(float)
        differences = _difference(table.strata, table.monster, outcome, weights)
        low, high = np.nanpercentile(differences[1:], (2.5, 97.5)).tolist()
        if np.ptp(outcome) == 0:
            low = high = None  # all or none: the bootstrap cannot know how rare the other case is
        measured |= {name: float(differences[0]), f"{name}_low": low, f"{name}_high": high}
    return ComparisonRow(
        space=space,
        strata=len(set(table.strata)),
        faces=int((~table.monster).sum()),
        monsters=int(table.monster.sum()),
        directions=len(set(table.direction)),
        called_synthetic_images=int(outcomes["called_synthetic"].sum()),
        called_authentic_images=int(outcomes["called_authentic"].sum()),
        **measured,  # type: ignore[arg-type]
    )


def of_parts(scan: Sequence[ScanRow], threshold: float, limits: Thresholds, seed: int = 0) -> list[PartRow]:
    """For each part of the detector and each space: monsters less faces in mean log10 LR, as `comparison` has it."""
    rows = []
    for part in sorted({name for row in scan for name in row.part_log10_lr or {}}):
        by_part = [replace(row, log10_lr=(row.part_log10_lr or {}).get(part)) for row in scan]
        for row in comparison(by_part, threshold, limits, seed):
            rows.append(PartRow(part, row.space, row.log10_lr, row.log10_lr_low, row.log10_lr_high))
    return rows


def verdict(row: ComparisonRow) -> str:
    """The answer that a row of `comparison` gives, in words: of its rate called synthetic, with the interval."""
    space, low, high = row.space.upper(), row.called_synthetic_low, row.called_synthetic_high
    if low is None or high is None:
        alike = "all" if row.called_synthetic_images else "none"
        return f"in {space} not told: {alike} of the images are called synthetic"
    points = (100 * row.called_synthetic, 100 * low, 100 * high)
    interval = "{:+.1f} points, 95 % interval {:+.1f} to {:+.1f}".format(*points).replace("-", "−")
    if low <= 0 <= high:
        return f"in {space} neither is shown ({interval})"
    kind, how = ("easier", "more") if low > 0 else ("harder", "less")
    return f"in {space} {kind}: called synthetic {how} often than faces at the same radius ({interval})"


def _weights(family: np.ndarray, direction: np.ndarray, seed: int) -> np.ndarray:
    """How often each image is drawn, [1 + replicates, n]; row 0 is the sample itself."""
    weights = np.ones((1 + _REPLICATES, len(direction)))
    for k, name in enumerate(np.unique(family)):
        rng = np.random.default_rng([seed, k])
        names, place = np.unique(direction[family == name], return_inverse=True)
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), _REPLICATES)
        weights[1:, family == name] = drawn[:, place]
    return weights


def _difference(
    strata: np.ndarray, monster: np.ndarray, outcome: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Weighted mean over strata of the mean outcome of monsters less that of faces, [len(weights)]."""
    total, mass = np.zeros(len(weights)), np.zeros(len(weights))
    for key in np.unique(strata):
        m, f = (weights[:, (strata == key) & (monster == kind)] for kind in (True, False))
        a, b = (outcome[(strata == key) & (monster == kind)] for kind in (True, False))
        n_m, n_f = m.sum(axis=1), f.sum(axis=1)
        weight = np.divide(n_m * n_f, n_m + n_f, out=np.zeros(len(n_m)), where=n_m + n_f > 0)
        gap = m @ a / np.maximum(n_m, 1) - f @ b / np.maximum(n_f, 1)
        total, mass = total + weight * gap, mass + weight
    differences: np.ndarray = np.divide(total, mass, out=np.full(len(mass), np.nan), where=mass > 0)
    return differences
