"""Every reader gives a value or one line for mutated files; and the fuzzer would notice one that does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.robustness.fuzz import TARGETS, Target, fuzz

SECONDS = float(os.environ.get("FUZZ_SECONDS", "20" if os.environ.get("CI") else "4"))


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_mutated_file_is_a_value_or_one_line(target: Target, tmp_path: Path) -> None:
    assert fuzz(target, SECONDS, tmp_path) >= 100


def test_a_reader_that_lets_an_error_out_is_noticed(tmp_path: Path) -> None:
    def careless(path: Path) -> object:
        return path.read_bytes().decode("ascii")

    target = Target("careless", careless, lambda: (b"honest text",))
    with pytest.raises(UnicodeDecodeError):
        fuzz(target, 5, tmp_path)
