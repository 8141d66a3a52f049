"""The tables of the directions of a monster study: how far the face survives by family, and the yield by radius."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forensics.metrics.detection import wilson
from forensics.report.rows import Row
from forensics.studies.monsters.directions import FAMILIES
from forensics.studies.monsters.rows import DirectionRow, ScanRow
from forensics.studies.monsters.survival import Survival, survival


@dataclass(frozen=True, kw_only=True)
class QuantileRow(Row):
    """Of the n directions of a family: how many lost the face, quantiles of the radius (None: not reached), the 95 %
    interval of the median, the nearest monster, the median in standard deviations of the latents along the direction,
    and how often the face came back."""

    family: str
    name: str
    n: int
    lost: int
    censored: int
    nearest: float | None
    q10: float | None
    q25: float | None
    q75: float | None
    q90: float | None
    median: float | None
    median_low: float | None
    median_high: float | None
    median_deviations: float | None
    came_back: int


@dataclass(frozen=True)
class SurvivalRow(Row):
    """One step of a family's curve: share of the directions that hold a face beyond a radius, with its interval."""

    family: str
    radius: float
    share_with_face: float
    low: float
    high: float


@dataclass(frozen=True)
class YieldRow(Row):
    """At a radius of a family: share of images with a face (Wilson 95 %), mean score, and of the faces the mean
    similarity to the face at w_avg and likeness to ordinary faces."""

    family: str
    radius: float
    n: int
    face_yield: float
    low: float
    high: float
    score: float
    similarity: float | None
    likeness: float | None


def survivals_of(directions: Sequence[DirectionRow]) -> dict[str, Survival]:
    """The survival of the face along the directions of each family there is."""
    groups = {family: [row for row in directions if row.family == family] for family in FAMILIES}
    return {
        family: survival([row.radius for row in rows], [row.up_to for row in rows])
        for family, rows in groups.items()
        if rows
    }


def quantile_row(family: str, curve: Survival, directions: Sequence[DirectionRow]) -> QuantileRow:
    """The row of one family."""
    group = [row for row in directions if row.family == family]
    varied = [row for row in group if row.deviation > 0]
    in_deviations = survival(
        [None if row.radius is None else row.radius / row.deviation for row in varied],
        [row.up_to / row.deviation for row in varied],
    )
    low, high = curve.median_interval
    return QuantileRow(
        family=family,
        name=FAMILIES[family],
        n=curve.n,
        lost=curve.lost,
        censored=curve.n - curve.lost,
        nearest=min((row.radius for row in group if row.radius is not None), default=None),
        q10=curve.quantile(0.1),
        q25=curve.quantile(0.25),
        q75=curve.quantile(0.75),
        q90=curve.quantile(0.9),
        median=curve.quantile(0.5),
        median_low=low,
        median_high=high,
        median_deviations=in_deviations.quantile(0.5),
        came_back=sum(row.back_at is not None for row in group),
    )


def survival_rows(survivals: Mapping[str, Survival]) -> list[SurvivalRow]:
    """A row a step of each family's curve."""
    return [
        SurvivalRow(family, *values)
        for family, curve in survivals.items()
        for values in zip(
            *(column.tolist() for column in (curve.radii, curve.share, curve.low, curve.high)), strict=True
        )
    ]


def yield_rows(scan: Sequence[ScanRow], threshold: float) -> list[YieldRow]:
    """A row for each family and radius. Unlike survival it counts faces that came back."""
    groups: dict[tuple[str, float], list[ScanRow]] = {}
    for row in scan:
        groups.setdefault((row.family, row.radius), []).append(row)
    order = sorted(groups, key=lambda key: (list(FAMILIES).index(key[0]), key[1]))
    return [_yield_row(family, radius, groups[family, radius], threshold) for family, radius in order]


def _yield_row(family: str, radius: float, rows: Sequence[ScanRow], threshold: float) -> YieldRow:
    faces = [row for row in rows if row.score >= threshold]
    return YieldRow(
        family,
        radius,
        len(rows),
        len(faces) / len(rows),
        *wilson(len(faces), len(rows)),
        score=float(np.mean([row.score for row in rows])),
        similarity=_mean([row.similarity for row in faces]),
        likeness=_mean([row.likeness for row in faces]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
