"""The numbers of a monster study: survival of the face by family, yield by radius, walks, and the detector's rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forensics.generators.base import Generator
from forensics.metrics.detection import wilson
from forensics.studies.monsters.detection import called, comparison, of_parts, rates, verdict
from forensics.studies.monsters.directions import FAMILIES
from forensics.studies.monsters.hunt import MonsterResult
from forensics.studies.monsters.options import MonsterOptions
from forensics.studies.monsters.survival import QUANTILES, Survival, survival

if TYPE_CHECKING:
    from forensics.detectors.contract import Detector

Rows = list[dict[str, Any]]
_REPLICATES = 2000


@dataclass(frozen=True)
class Findings:
    """`survivals` by family, `tables` by name, `facts` for the page and `summary` for a terminal."""

    survivals: dict[str, Survival]
    tables: dict[str, Rows]
    facts: dict[str, Any]
    summary: dict[str, Any]


def findings(
    result: MonsterResult, options: MonsterOptions, detector: Detector | None, generator: Generator
) -> Findings:
    """Everything that is computed from a finished study's tables."""
    survivals = survivals_of(result.directions)
    quantiles = [quantile_row(family, found, result.directions) for family, found in survivals.items()]
    tables = {
        "quantiles": quantiles,
        "survival": survival_rows(survivals),
        "yield": yield_rows(result.scan, options.threshold),
        "walk-yield": walk_rows(result.walks, options.threshold),
        "walk-summary": walk_summary(result.walks, options),
    }
    asked = None
    if detector is not None:
        limits = detector.thresholds
        compared = comparison(result.scan, options.threshold, limits, options.seed)
        tables["detection"] = rates(result.scan, options.threshold, limits)
        tables["detection-comparison"] = compared
        parts = of_parts(result.scan, options.threshold, limits, options.seed)
        if parts:
            tables["detection-parts"] = parts
        asked = detector_facts(detector, result, generator.img_resolution, compared) | {"parts": parts}
    facts = {
        "network": Path(generator.source).name or "a generator",
        "resolution": generator.img_resolution,
        "w_dim": generator.w_dim,
        "s_dim": generator.s_dim,
        "options": options.how(),
        "furthest": options.radii[-1],
        "start": result.start["centre"],
        "ordinary": ordinary_facts(result.start, options.threshold),
        "quantiles": quantiles,
        "same_event": all(row["radius"] == row["none_radius"] for row in result.directions),
        "returns": sum(row["back_at"] is not None for row in result.directions),
        "directions": len(result.directions),
        "walks": tables["walk-summary"],
        "plane_deviations": plane_deviations(result.start),
        "detector": asked,
    }
    summary = {
        "families": {row["family"]: row for row in quantiles},
        "returns": facts["returns"],
        "walks": tables["walk-summary"],
        "detector": None if asked is None else asked["compared"],
    }
    return Findings(survivals, tables, facts, summary)


def survivals_of(directions: Sequence[Mapping[str, Any]]) -> dict[str, Survival]:
    """The survival of the face along the directions of each family there is."""
    found = {}
    for family in FAMILIES:
        own = [row for row in directions if row["family"] == family]
        if own:
            found[family] = survival([row["radius"] for row in own], [row["up_to"] for row in own])
    return found


def quantile_row(family: str, found: Survival, directions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """n, lost, quantiles of the radius (None: not reached), the median's interval, the nearest monster, how often the
    face came back, and the median in standard deviations of the latents along the direction."""
    own = [row for row in directions if row["family"] == family]
    low, high = found.median_interval
    in_deviations = survival(
        [
            None if row["radius"] is None else row["radius"] / row["deviation"]
            for row in own
            if row["deviation"] > 0
        ],
        [row["up_to"] / row["deviation"] for row in own if row["deviation"] > 0],
    )
    return {
        "family": family,
        "name": FAMILIES[family],
        "n": found.n,
        "lost": found.lost,
        "kept": found.n - found.lost,
        "nearest": min((row["radius"] for row in own if row["radius"] is not None), default=None),
        **{f"q{100 * q:.0f}": found.quantile(q) for q in QUANTILES if q != 0.5},
        "median": found.quantile(0.5),
        "median_low": low,
        "median_high": high,
        "median_deviations": in_deviations.quantile(0.5),
        "came_back": sum(row["back_at"] is not None for row in own),
    }


def survival_rows(survivals: Mapping[str, Survival]) -> Rows:
    """A row a step of each family's curve."""
    return [
        {"family": family, "radius": r, "share_with_face": s, "low": low, "high": high}
        for family, found in survivals.items()
        for r, s, low, high in zip(
            *(values.tolist() for values in (found.radii, found.share, found.low, found.high)), strict=True
        )
    ]


def yield_rows(scan: Sequence[Mapping[str, Any]], threshold: float) -> Rows:
    """For each family and radius: share of images with a face (Wilson 95 %), mean score, and of the faces the mean
    similarity to the face at w_avg and likeness to ordinary faces. Unlike survival it counts faces that came back."""
    found = []
    for family in FAMILIES:
        own = [row for row in scan if row["family"] == family]
        for radius in sorted({row["radius"] for row in own}):
            rows = [row for row in own if row["radius"] == radius]
            kept = [row for row in rows if row["score"] >= threshold]
            low, high = wilson(len(kept), len(rows))
            found.append(
                {
                    "family": family,
                    "radius": radius,
                    "n": len(rows),
                    "yield": len(kept) / len(rows),
                    "low": low,
                    "high": high,
                    "score": float(np.mean([row["score"] for row in rows])),
                    "similarity": _mean(kept, "similarity"),
                    "likeness": _mean(kept, "likeness"),
                }
            )
    return found


def _mean(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    values = [row[name] for row in rows if row[name] is not None]
    return float(np.mean(values)) if values else None


def walk_rows(walks: Sequence[Mapping[str, Any]], threshold: float) -> Rows:
    """For each step size and position: share of the walks that hold a face there (Wilson 95 %), and the mean radius."""
    groups: dict[tuple[float, int], Rows] = {}
    for row in walks:
        groups.setdefault((row["step"], row["position"]), []).append(dict(row))
    found = []
    for (step, position), rows in groups.items():
        kept = sum(row["score"] >= threshold for row in rows)
        low, high = wilson(kept, len(rows))
        radius = float(np.mean([row["radius"] for row in rows]))
        found.append(
            {"step": step, "position": position, "radius": radius, "n": len(rows)}
            | {"yield": kept / len(rows), "low": low, "high": high}
        )
    return found


def walk_summary(walks: Sequence[Mapping[str, Any]], options: MonsterOptions) -> Rows:
    """For each step size: percent yield over all steps of a walk (each step counted as the nearest one looked at), its
    bootstrap 95 % interval over walks (None: all alike), walks that lost the face, and the median step and radius of
    the first loss."""
    found = []
    weights = _nearest_counts(options.positions, options.walk_length)
    for step in dict.fromkeys(row["step"] for row in walks):
        own = [row for row in walks if row["step"] == step]
        names = list(dict.fromkeys(row["walk"] for row in own))
        scores = np.array([[row["score"] for row in own if row["walk"] == walk] for walk in names])
        radii = np.array([[row["radius"] for row in own if row["walk"] == walk] for walk in names])
        lost = scores < options.threshold
        shares = (~lost) @ weights / weights.sum()
        drawn = np.random.default_rng([options.seed, 7]).integers(0, len(names), (_REPLICATES, len(names)))
        low, high = np.percentile(shares[drawn].mean(axis=1), (2.5, 97.5)).tolist()
        if np.ptp(shares) == 0:
            low = high = None  # walks that are all alike do not tell how unlike others would be
        first = [int(np.argmax(line)) if line.any() else None for line in lost]
        positions = survival(
            [None if k is None else options.positions[k] for k in first], [options.walk_length] * len(first)
        )
        at = survival(
            [None if k is None else float(radii[i, k]) for i, k in enumerate(first)],
            radii.max(axis=1).tolist(),
        )
        found.append(
            {
                "step": step,
                "walks": len(names),
                "yield": float(shares.mean()),
                "low": low,
                "high": high,
                "lost": positions.lost,
                "median_step": positions.quantile(0.5),
                "median_radius": at.quantile(0.5),
                "end_radius": float(radii[:, -1].mean()),
            }
        )
    return found


def _nearest_counts(positions: Sequence[int], length: int) -> np.ndarray:
    """How many of the steps 0 ... length - 1 are nearest to each of `positions`."""
    nearest = np.abs(np.arange(length)[:, None] - np.array(positions)).argmin(axis=1)
    return np.bincount(nearest, minlength=len(positions)).astype(float)


def plane_deviations(start: Mapping[str, Any]) -> list[float]:
    """Standard deviations of w along the first two principal components, in radii."""
    return [float(v) for v in start["deviations"][:2]]


def ordinary_facts(start: Mapping[str, Any], threshold: float) -> dict[str, Any]:
    """Of the generator's ordinary faces: n, yield, and how like each is to the one most like it (5 %, median)."""
    rows = start["ordinary"]
    likeness = start["bank_likeness"]
    return {
        "n": len(rows),
        "yield": sum(row["score"] >= threshold for row in rows) / len(rows),
        "likeness": float(np.median(likeness)) if likeness else None,
        "likeness_low": float(np.percentile(likeness, 5)) if likeness else None,
    }


def detector_facts(
    detector: Detector, result: MonsterResult, resolution: int, compared: Rows
) -> dict[str, Any]:
    """What the page says of the detector: who it is, its thresholds, whether such images lie in what it was validated
    on, its rates on ordinary faces and on the scan as a whole."""

    limits = detector.thresholds
    scores = np.array([row["log10_lr"] for row in result.start["ordinary"]])
    smallest = detector.domain.min_side_px
    return {
        "id": detector.id,
        "synthetic_at": limits.synthetic_at,
        "authentic_at": limits.authentic_at,
        "target_fpr": limits.target_fpr,
        "min_side_px": smallest,
        "too_small": resolution < smallest,
        "ordinary": called(scores, limits),
        "compared": compared,
        "verdicts": [verdict(row) for row in compared],
    }
