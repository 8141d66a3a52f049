"""What a monster study says: its tables, the facts of its page, and its summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from forensics.generators.base import Generator
from forensics.report.rows import Row
from forensics.studies.contract import Summary
from forensics.studies.monsters.detection import (
    ComparisonRow,
    PartRow,
    Rates,
    comparison,
    of_parts,
    rates,
    rates_of,
    verdict,
)
from forensics.studies.monsters.families import (
    QuantileRow,
    quantile_row,
    survival_rows,
    survivals_of,
    yield_rows,
)
from forensics.studies.monsters.plan import MonsterPlan
from forensics.studies.monsters.rows import MonsterTables, PointRow, StartRow
from forensics.studies.monsters.survival import Survival
from forensics.studies.monsters.walks import WalkSummaryRow, walk_rows, walk_summary
from forensics.studies.probes import Probe, too_small_for


@dataclass(frozen=True)
class OrdinaryFacts(Row):
    """Of the generator's ordinary faces: n, yield, and how like each is to the one most like it (median, 5 %)."""

    n: int
    face_yield: float
    likeness: float | None
    likeness_low: float | None


@dataclass(frozen=True)
class DetectorFacts(Row):
    """The detector asked, its thresholds, the size its images should have (`too_small`: these are under it), its rates
    on ordinary faces, and monsters against faces, as a whole and part by part."""

    id: str
    synthetic_at: float
    authentic_at: float
    target_fpr: float
    min_side_px: int
    too_small: bool
    ordinary: Rates
    compared: list[ComparisonRow]
    verdicts: list[str]
    parts: list[PartRow]


@dataclass(frozen=True, kw_only=True)
class MonsterFacts(Row):
    """Numbers and words of the page; `plan` is what was asked for, `furthest` the last radius, `same_event`: under the
    threshold and no face at all are the same in every direction, `returns`: directions along which the face came
    back."""

    headline: str
    network: str
    resolution: int
    plan: dict[str, object]
    furthest: float
    start: PointRow
    ordinary: OrdinaryFacts
    quantiles: list[QuantileRow]
    same_event: bool
    returns: int
    directions: int
    walks: list[WalkSummaryRow]
    plane_deviations: list[float]
    detector: DetectorFacts | None


@dataclass(frozen=True, kw_only=True)
class MonsterResult(Row):
    """What a terminal shows."""

    families: dict[str, QuantileRow]
    returns: int
    walks: list[WalkSummaryRow]
    detector: list[ComparisonRow] | None


@dataclass(frozen=True, kw_only=True)
class MonsterSummary(MonsterResult, Summary):
    """The result, with the folder and the page."""

    def lines(self) -> list[str]:
        """A line a family, and what the detector made of it."""
        compared = self.detector or []
        lines = [*map(_family_line, self.families.values()), *map(_detector_line, compared)]
        if compared:
            lines.append(f"monsters to catch: {'; '.join(map(verdict, compared))}")
        return [*lines, f"report: {self.report}"]


def _family_line(row: QuantileRow) -> str:
    middle = "not reached" if row.median is None else f"{row.median:.2f}"
    return (
        f"{row.name:<28}face lost in {row.lost} of {row.n}, median radius {middle} "
        f"({_bound(row.median_low)} to {_bound(row.median_high)})"
    )


def _detector_line(row: ComparisonRow) -> str:
    values = (row.log10_lr, row.log10_lr_low, row.log10_lr_high)
    value, low, high = ("none" if v is None else f"{v:+.2f}" for v in values)
    return (
        f"detector in {row.space.upper()}: log10 LR of monsters {value} ({low} to {high}) against faces at the same "
        f"radius; {row.called_synthetic_images} of {row.monsters} + {row.faces} called synthetic"
    )


def _bound(value: float | None) -> str:
    return "no bound" if value is None else f"{value:.2f}"


@dataclass(frozen=True)
class Findings:
    """`survivals` by family, `tables` by name of the CSV, `facts` for the page and `summary` for a terminal."""

    survivals: dict[str, Survival]
    tables: dict[str, Sequence[Row]]
    facts: MonsterFacts
    summary: MonsterResult


def findings(tables: MonsterTables, plan: MonsterPlan, probe: Probe, generator: Generator) -> Findings:
    """Everything that is computed from a finished study's rows."""
    survivals = survivals_of(tables.directions)
    quantiles = [quantile_row(family, curve, tables.directions) for family, curve in survivals.items()]
    walks = walk_summary(tables.walks, plan)
    detector = (
        None if probe.detector is None else _detector_facts(tables, plan, probe, generator.img_resolution)
    )
    computed: dict[str, Sequence[Row]] = {
        "quantiles": quantiles,
        "survival": survival_rows(survivals),
        "yield": yield_rows(tables.scan, plan.threshold),
        "walk-yield": walk_rows(tables.walks, plan.threshold),
        "walk-summary": walks,
    }
    if detector is not None and probe.detector is not None:
        computed["detection"] = rates(tables.scan, plan.threshold, probe.detector.thresholds)
        computed["detection-comparison"] = detector.compared
        if detector.parts:
            computed["detection-parts"] = detector.parts
    returns = sum(row.back_at is not None for row in tables.directions)
    facts = MonsterFacts(
        headline=_headline(quantiles, plan.radii[-1]),
        network=Path(generator.source).name or "a generator",
        resolution=generator.img_resolution,
        plan=asdict(plan),
        furthest=plan.radii[-1],
        start=tables.start.centre,
        ordinary=_ordinary(tables.start, plan.threshold),
        quantiles=quantiles,
        same_event=all(row.radius == row.none_radius for row in tables.directions),
        returns=returns,
        directions=len(tables.directions),
        walks=walks,
        plane_deviations=tables.start.deviations[:2],
        detector=detector,
    )
    compared = None if detector is None else detector.compared
    by_family = {row.family: row for row in quantiles}
    summary = MonsterResult(families=by_family, returns=returns, walks=walks, detector=compared)
    return Findings(survivals, computed, facts, summary)


def _headline(quantiles: Sequence[QuantileRow], furthest: float) -> str:
    """The result in one sentence: by which radius half of the directions of each family have lost the face."""
    words = [
        f"{row.name}: {f'{row.median:.1f}' if row.median is not None else f'not by {furthest:g}'}"
        for row in quantiles
    ]
    return f"Half of the directions have lost the face by radius (an ordinary latent lies at 1) – {'; '.join(words)}."


def _ordinary(start: StartRow, threshold: float) -> OrdinaryFacts:
    likeness = start.bank_likeness
    return OrdinaryFacts(
        len(start.ordinary),
        sum(row.score >= threshold for row in start.ordinary) / len(start.ordinary),
        float(np.median(likeness)) if likeness else None,
        float(np.percentile(likeness, 5)) if likeness else None,
    )


def _detector_facts(tables: MonsterTables, plan: MonsterPlan, probe: Probe, side_px: int) -> DetectorFacts:
    assert probe.detector is not None
    limits = probe.detector.thresholds
    compared = comparison(tables.scan, plan.threshold, limits, plan.seed)
    return DetectorFacts(
        id=probe.detector.id,
        synthetic_at=limits.synthetic_at,
        authentic_at=limits.authentic_at,
        target_fpr=limits.target_fpr,
        min_side_px=probe.detector.domain.min_side_px,
        too_small=too_small_for(probe, side_px) is not None,
        ordinary=rates_of(np.array([row.log10_lr for row in tables.start.ordinary], float), limits),
        compared=compared,
        verdicts=[verdict(row) for row in compared],
        parts=of_parts(tables.scan, plan.threshold, limits, plan.seed),
    )
