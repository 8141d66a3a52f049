"""Rates by radius, and the comparison at equal radius, on scores whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from forensics.detectors.thresholds import Thresholds
from forensics.metrics.detection import wilson
from forensics.studies.monsters.detection import ComparisonRow, comparison, of_parts, rates, verdict
from forensics.studies.monsters.rows import ScanRow

LIMITS = Thresholds(0.5, -0.3, 0.05, 0.1, 10, 10, "by hand")


def a_row(index: int, radius: float, score: float, log10_lr: float | None, family: str = "random") -> ScanRow:
    space = "s" if family == "style" else "w"
    key = {"family": family, "index": index, "sign": 1, "space": space, "layer": ""}
    return ScanRow(**key, radius=radius, score=score, similarity=None, likeness=None, log10_lr=log10_lr)  # type: ignore[arg-type]


def scan(effect: float, n: int = 60) -> list[ScanRow]:
    """Directions whose face is lost at a random radius; log10 LR grows by 0.4 a radius, and by `effect` in monsters."""
    rng = np.random.default_rng(1)
    rows = []
    for index in range(n):
        border, own = rng.uniform(1, 3), rng.normal(0, 0.1)
        for radius in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5):
            monster = radius >= border
            value = 0.4 * radius - 1 + own + effect * monster + rng.normal(0, 0.05)
            rows.append(a_row(index, radius, 0.0 if monster else 0.9, value))
    return rows


@pytest.mark.parametrize("effect", [0.0, 0.6])
def test_the_radius_is_not_taken_for_an_effect_of_the_monster(effect: float) -> None:
    rows = scan(effect)
    by_kind = [[r.log10_lr for r in rows if (r.score == 0) == kind] for kind in (True, False)]
    assert np.mean(by_kind[0]) - np.mean(by_kind[1]) > effect + 0.4  # what a plain comparison would say
    (found,) = comparison(rows, 0.5, LIMITS)
    assert found.log10_lr == pytest.approx(effect, abs=0.06)
    assert found.log10_lr_low < effect < found.log10_lr_high
    assert found.log10_lr_high - found.log10_lr_low < 0.2
    assert found.strata == 3  # at 1.0 none is lost yet, at 3.0 all are
    assert found.called_authentic_low <= found.called_authentic <= found.called_authentic_high
    assert found == comparison(rows, 0.5, LIMITS)[0]


def test_each_part_is_compared_by_itself() -> None:
    whole = [
        replace(row, part_log10_lr={"a": moved.log10_lr, "b": row.log10_lr})
        for row, moved in zip(scan(0.0), scan(0.6), strict=True)
    ]
    a, b = of_parts(whole, 0.5, LIMITS)
    assert (a.part, a.space, b.part) == ("a", "w", "b")
    assert a.log10_lr_low < 0.6 < a.log10_lr_high
    assert b.log10_lr_low < 0.0 < b.log10_lr_high
    assert of_parts(scan(0.0), 0.5, LIMITS) == []


def test_rates_count_images_and_carry_their_intervals() -> None:
    rows = scan(0.6)
    table = rates(rows, 0.5, LIMITS)
    assert [row.n for row in table if row.radius == 0.5] == [60]
    at = {(row.radius, row.kind): row for row in table}
    own = [r.log10_lr for r in rows if r.radius == 2.0 and r.score == 0]
    hits = sum(value >= 0.5 for value in own)
    found = at[2.0, "monsters"]
    assert (found.n, found.called_synthetic) == (len(own), hits / len(own))
    assert (found.synthetic_low, found.synthetic_high) == wilson(hits, len(own))
    assert found.log10_lr == pytest.approx(np.mean(own))
    assert sum(row.n for row in table) == len(rows)


def test_no_width_is_claimed_where_all_images_are_called_alike() -> None:
    (found,) = comparison(scan(0.0), 0.5, replace(LIMITS, synthetic_at=9.0))
    assert (found.called_synthetic, found.called_synthetic_low) == (0.0, None)
    assert found.called_synthetic_images == 0
    assert found.called_authentic_low is not None


@pytest.mark.parametrize(
    ("rate", "low", "high", "words"),
    [
        (
            -0.681,
            -0.855,
            -0.403,
            "in S harder: called synthetic less often than faces at the same radius (−68.1 points",
        ),
        (0.2, 0.1, 0.3, "in S easier: called synthetic more often"),
        (-0.2, -0.5, 0.08, "in S neither is shown (−20.0 points, 95 % interval −50.0 to +8.0)"),
        (0.0, None, None, "in S not told: all of the images are called synthetic"),
    ],
)
def test_the_answer_in_words_claims_no_more_than_the_interval(
    rate: float, low: float | None, high: float | None, words: str
) -> None:
    nothing: dict[str, Any] = dict.fromkeys(ComparisonRow.__dataclass_fields__)
    interval = {"called_synthetic_low": low, "called_synthetic_high": high}
    row = nothing | {"space": "s", "called_synthetic": rate, "called_synthetic_images": 9} | interval
    assert verdict(ComparisonRow(**row)).startswith(words)


def test_nothing_to_compare_where_the_kinds_never_meet() -> None:
    rows = [a_row(0, r, s, 0.0, "style") for r, s in ((1.0, 0.9), (2.0, 0.0))]
    assert comparison(rows, 0.5, LIMITS) == []
    assert len(rates(rows, 0.5, LIMITS)) == 2
    assert rates([replace(row, log10_lr=None) for row in rows], 0.5, LIMITS) == []
