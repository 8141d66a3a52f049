"""The kill runner loses nothing with a command that keeps its word, and notices one that does not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tools.robustness.kill import Case, try_case


@pytest.mark.slow
def test_a_walk_is_killed_three_times_and_loses_nothing(tmp_path: Path) -> None:
    case = Case(
        "walk",
        lambda out, have: [
            "walk",
            str(out),
            "--generator",
            "own-64",
            "--step",
            "0.05",
            "-n",
            "12",
            "--walks",
            "2",
        ],
    )
    result = try_case(case, 3, random.Random(1), tmp_path, tmp_path)
    assert result.kills == 3
    assert result.passed, (result.different, result.left_over)


@pytest.mark.slow
def test_a_command_whose_files_differ_is_noticed(tmp_path: Path) -> None:
    seeds = iter(("1", "2", "2"))
    case = Case(
        "other seeds",
        lambda out, have: [
            "walk", str(out), "--generator", "own-64", "-n", "2", "--walks", "1", "--seed", next(seeds),
        ],
    )  # fmt: skip
    result = try_case(case, 0, random.Random(1), tmp_path, tmp_path)
    assert not result.passed
    assert "manifest.jsonl" in result.different
