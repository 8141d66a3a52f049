"""The speed table: both sides compute the same numbers, and every figure asked for has its line."""

from __future__ import annotations

import dataclasses
import json
import time

import pytest

from tools.documentation.records import processor
from tools.speed import cases as speed_cases
from tools.speed import memory as speed_memory
from tools.speed import table as speed


def test_every_figure_asked_for_has_a_case() -> None:
    asked = {case.name: (case.asked, case.batches) for case in speed_cases.CASES}
    assert asked == {
        "StyleGAN2 64 px, maps <= 128": (1.8, (1, 16)),
        "StyleGAN2 256 px": (2.0, (1, 16)),
        "training iteration, 64 px": (1.8, (16,)),
        "MobileStyleGAN 1024 px": (2.0, (1, 8)),
        "StyleGAN3-T 256 px": (2.5, (1,)),
        "StyleGAN3-R 256 px": (1.5, (1,)),
        "ONNX Runtime, StyleGAN2 64 px": (None, (1, 16)),
        "ONNX Runtime, StyleGAN2 256 px": (None, (1,)),
    }


def test_a_case_is_measured_on_equal_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    speed.main(["--json", "--only", "64 px, maps", "--rounds", "1", "--no-memory"])
    table = json.loads(capsys.readouterr().out)
    assert [row["batch"] for row in table["rows"]] == [1, 16]
    for row in table["rows"]:
        assert row["relative_error"] < 1e-5
        assert row["ratio"] == pytest.approx(row["plain_ms"] / row["ours_ms"], rel=0.02)
        assert 0 < row["floor_share"] < 1.5
        assert row["gflop"] > 0.5
    assert table["peak_gflop_per_s"] > 1


def test_the_table_for_people_names_the_machine() -> None:
    row = speed.Measured("a case", 1, 10.0, 22.0, 2.2, None, 100.0, 1.0, 5.0, 0.5, 0.0, 3, 20.0, 44.4)
    out = speed._table([row, dataclasses.replace(row, asked=1.8, ours_mb=None)], 175e9)
    assert processor()
    assert out.startswith(processor())
    assert "175 GFLOP/s" in out
    assert "| a case | 1 | 10.0 | 22.0 | **2.20** |  | 100.0 | 5.0 | 50 % | 20 / 44 |" in out
    assert "| a case | 1 | 10.0 | 22.0 | **2.20** | 1.8 | 100.0 | 5.0 | 50 % |  |" in out


def test_a_quick_case_is_timed_often_and_a_slow_one_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_SECONDS_AT_LEAST", 0.05)
    monkeypatch.setattr(speed, "_SECONDS_AT_MOST", 0.1)
    quick = speed_cases.Work(lambda: None, lambda: None, lambda: 1.0)
    ours, plain = speed._in_turns(quick, 3)
    assert len(ours) == len(plain) > 3
    slow = speed_cases.Work(lambda: time.sleep(0.06), lambda: None, lambda: 1.0)
    assert len(speed._in_turns(slow, 5)[0]) == 2
    assert len(speed._in_turns(slow, 1)[0]) == 1


def test_memory_is_what_a_call_takes_beyond_its_inputs() -> None:
    """64 images of 64 pixels with 64 maps each are 67 MB in one piece; ours makes them one image at a time."""
    name = "StyleGAN2 64 px, maps <= 128"
    ours, plain = (speed_memory.peak_bytes(name, 64, side) for side in ("ours", "plain"))
    assert 64 * 64 * 64 * 64 * 4 < plain < 2e9
    assert 64 * 64 * 64 * 4 < ours < plain / 2
