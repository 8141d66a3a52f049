"""The speed table: both sides compute the same numbers, and every figure asked for has its line."""

from __future__ import annotations

import json

import pytest

from forensics.benchmarks import speed, speed_cases


def test_every_figure_asked_for_has_a_case() -> None:
    asked = {(case.name, case.asked) for case in speed_cases.CASES}
    assert {name for name, _ in asked} >= {
        "StyleGAN2 64 px, maps <= 128",
        "StyleGAN2 256 px",
        "StyleGAN3-T 256 px",
        "StyleGAN3-R 256 px",
    }
    assert all(ratio >= 1.5 for _, ratio in asked)


def test_a_case_is_measured_on_equal_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    speed.main(["--json", "--only", "64 px, maps", "--rounds", "1"])
    table = json.loads(capsys.readouterr().out)
    assert [row["batch"] for row in table["rows"]] == [1, 16]
    for row in table["rows"]:
        assert row["relative_error"] < 1e-5
        assert row["ratio"] == pytest.approx(row["plain_ms"] / row["ours_ms"], rel=0.02)
        assert 0 < row["floor_share"] < 1.5
        assert row["gflop"] > 0.5
    assert table["peak_gflop_per_s"] > 1


def test_the_table_for_people_names_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    speed.main(["--only", "64 px, maps", "--rounds", "1"])
    out = capsys.readouterr().out
    assert "GFLOP/s" in out
    assert out.count("| StyleGAN2 64 px") == 2
