"""Slices and verdict tables on rows small enough to count by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from forensics.benchmarks.measured import measure
from forensics.benchmarks.rows import FileFacts, PerturbedScores, ScoredImage
from forensics.benchmarks.slices import slices, unequal_psi
from forensics.benchmarks.verdicts import unreachable, verdicts
from forensics.detectors.calibration import Calibration
from forensics.detectors.description import Description
from forensics.detectors.thresholds import Thresholds
from forensics.metrics.detection import wilson


def row(label: int, source: str, value: float, **more: Any) -> ScoredImage:
    scored = PerturbedScores({}, tuple(more.pop("withheld", ())), {"d": value, "d/part": -value})
    return ScoredImage("c", "f", "0" * 64, label, source, scores={"none": scored}, **more)


ROWS = [
    row(0, "camera", -1.0),
    row(0, "camera", -2.0),
    row(0, "web", 0.5),
    row(1, "gan", 2.0, psi=0.5, recipe="synthesis"),
    row(1, "gan", 0.1, psi=1.0, recipe="synthesis"),
    row(1, "other", -1.5),
]


def test_slices_are_parts_against_the_whole_other_class() -> None:
    found = {(s.kind, s.name): s.chosen.tolist() for s in slices(ROWS)}
    assert found == {
        ("all", ""): [True] * 6,
        ("source", "gan"): [True, True, True, True, True, False],
        ("source", "other"): [True, True, True, False, False, True],
        ("psi", "0.5"): [True, True, True, True, False, False],
        ("psi", "1"): [True, True, True, False, True, False],
        ("recipe", "synthesis"): [True, True, True, True, True, False],
        ("authentic", "camera"): [True, True, False, True, True, True],
        ("authentic", "web"): [False, False, True, True, True, True],
    }


def test_a_part_that_is_the_whole_is_not_repeated() -> None:
    assert [(s.kind, s.name) for s in slices([row(0, "real", 0), row(1, "gan", 1, psi=0.7)])] == [("all", "")]


def test_the_deciding_detector_gets_every_slice_and_its_parts_the_whole() -> None:
    found = [(m.detector, m.kind, m.name) for m in measure(ROWS, seed=0, n_bootstrap=10)]
    assert len([f for f in found if f[0] == "d"]) == 8
    assert [f for f in found if f[0] == "d/part"] == [("d/part", "all", "")]
    by = {(m.detector, m.kind, m.name): m.estimates for m in measure(ROWS, seed=0, n_bootstrap=10)}
    assert by["d", "all", ""]["auc"].value == pytest.approx(6 / 9)
    assert by["d/part", "all", ""]["auc"].value == pytest.approx(3 / 9)
    assert by["d", "source", "gan"]["auc"].n_synthetic == 2


def test_verdicts_are_counted_by_class_and_source() -> None:
    def verdict(x: float) -> str:
        return "synthetic" if x >= 1 else "authentic" if x <= -1 else "inconclusive"

    rows = [*ROWS, row(1, "gan", 5.0, withheld=["too small"])]
    table = {(v.label, v.source): v for v in verdicts(rows, "d", verdict, "none")}
    assert table[0, ""].counts == {"synthetic": 0, "inconclusive": 1, "authentic": 2}
    assert table[1, "gan"].counts == {"synthetic": 1, "inconclusive": 2, "authentic": 0}
    assert table[1, "gan"].withheld == 1
    assert table[1, "other"].counts == {"synthetic": 0, "inconclusive": 0, "authentic": 1}
    assert table[1, "gan"].share("synthetic") == pytest.approx((1 / 3, *wilson(1, 3)), abs=1e-6)
    assert table[1, "gan"].to_json()["intervals"]["synthetic"] == pytest.approx(wilson(1, 3), abs=1e-6)
    assert all(sum(v.counts.values()) == v.n for v in table.values())


def test_many_values_of_radius_are_taken_together_in_bins_that_sort_as_numbers() -> None:
    walk = [row(1, "gan", 0.0, radius=0.05 * k) for k in range(60)]
    parts = [s for s in slices([row(0, "camera", 0.0), *walk]) if s.kind == "radius"]
    assert [s.name for s in parts][:2] == ["0.00 to 0.25", "0.25 to 0.50"]
    assert [s.name for s in parts][-1] == "2.75 to 3.00"
    assert sum(int(s.chosen.sum()) - 1 for s in parts) == 60  # every image in one bin, the photograph in each
    far = [row(1, "gan", 0.0, radius=2.0 * k) for k in range(60)]
    assert len([s for s in slices([row(0, "camera", 0.0), *far]) if s.kind == "radius"]) <= 12
    few = [row(1, "gan", 0.0, radius=float(k)) for k in (10, 2, 10)]
    assert [s.name for s in slices([row(0, "camera", 0.0), *few]) if s.kind == "radius"] == ["2", "10"]


def test_generators_are_compared_at_equal_psi_only() -> None:
    def rows(**psi: list[float | None]) -> list[ScoredImage]:
        return [row(0, "camera", 0.0), *(row(1, s, 0.0, psi=v) for s, values in psi.items() for v in values)]

    assert unequal_psi(rows(a=[0.5, 1.0], b=[1.0, 0.5])) == ""
    assert unequal_psi(rows(a=[0.7])) == ""
    assert "a: psi 0.5; b: psi 0.7" in unequal_psi(rows(a=[0.5], b=[0.7]))
    assert "b: psi unknown" in unequal_psi(rows(a=[0.5], b=[None]))
    assert "b: psi 0.5, 1" in unequal_psi(rows(a=[0.5, 1.0, 1.0, 1.0], b=[0.5, 0.5, 0.5, 1.0]))


def test_a_threshold_beyond_the_scores_is_said() -> None:
    def said(synthetic_at: float, authentic_at: float) -> str:
        limits = Thresholds(synthetic_at, authentic_at, 0.05, 0.1, 10, 10, "by hand")
        return unreachable(Description("d", {}, Calibration(1.0, 0.0, -0.8, 0.6), limits), "d")

    assert said(0.6, -0.8) == ""
    assert said(0.61, -0.5).startswith("d can never say synthetic (from +0.61, its scores end at +0.60)")
    assert "authentic (up to -0.90" in said(0.5, -0.9)
    assert unreachable(Description("d", {}), "d") == ""


def test_families_are_slices_where_there_are_several() -> None:
    rows = [row(0, "camera", 0.0), row(1, "a", 0.0, family="swapped"), row(1, "b", 0.0, family="sampled:gan")]
    assert [s.name for s in slices(rows) if s.kind == "family"] == ["sampled:gan", "swapped"]
    alike = [row(0, "camera", 0.0), row(1, "a", 0.0, family="swapped")]
    assert [s for s in slices(alike) if s.kind == "family"] == []


def test_an_image_survives_its_file() -> None:
    image = row(1, "gan", 0.25, psi=0.5, family="swapped")
    facts = FileFacts("JPEG", "RGB", 8, 9, 100, ((1, 2), (3, 4)))
    for one in (image, replace(image, file_facts=facts), replace(image, failure="gone", scores={})):
        assert ScoredImage.from_json(json.loads(json.dumps(one.to_json()))) == one
