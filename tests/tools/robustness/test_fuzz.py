"""Every reader gives a value or one line for mutated files; and the fuzzer would notice one that does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.robustness.fuzz import TARGETS, Target, fuzz, try_target

SECONDS = float(os.environ.get("FUZZ_SECONDS", "4"))  # CI runs `make fuzz` besides, a minute a reader


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_mutated_file_is_a_value_or_one_line(target: Target, tmp_path: Path) -> None:
    assert fuzz(target, SECONDS, tmp_path) >= 100


def test_the_command_says_a_line_a_reader_and_keeps_the_file_of_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = try_target("json", 0.5, tmp_path / "kept")
    assert tried.files >= 100
    assert not tried.failure
    assert tried.line.endswith(" files, each a value or one line")
    careless = Target("careless", lambda path: path.read_bytes().decode("ascii"), lambda: (b"honest text",))
    monkeypatch.setattr("tools.robustness.fuzz.TARGETS", (careless,))
    tried = try_target("careless", 5, tmp_path / "kept")
    assert "UnicodeDecodeError" in tried.line
    [kept] = (tmp_path / "kept").iterdir()
    with pytest.raises(UnicodeDecodeError):
        kept.read_bytes().decode("ascii")


def test_a_reader_that_lets_an_error_out_is_noticed(tmp_path: Path) -> None:
    def careless(path: Path) -> object:
        return path.read_bytes().decode("ascii")

    target = Target("careless", careless, lambda: (b"honest text",))
    with pytest.raises(UnicodeDecodeError):
        fuzz(target, 5, tmp_path)
