"""Every hostile kind of corpus or tree costs little, and what opens one ends in lines, not a traceback."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.robustness.hostile.corpora import CORPORA, TREES, honest_tree
from tools.robustness.measured import Outcome, assert_bounded, run_each


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """ "kind command" → what became of it."""
    root = tmp_path_factory.mktemp("corpora")
    honest_tree(root / "photographs")
    words = ["generate-corpus", root / "honest", "-n", "4", "--generator", "own-64"]
    assert run_each({"make": [*words, "--real", root / "photographs" / "real"]})["make"].code == 0
    cases: dict[str, list[str | Path]] = {}
    for name, alter in {**CORPORA, **TREES}.items():
        folder = root / name
        if name in CORPORA:
            shutil.copytree(root / "honest", folder)
        else:
            honest_tree(folder)
        alter(folder)
        cases[name] = [
            "train-detector",
            root / f"{name}-detector",
            folder,
            "--kind",
            "frequency",
        ]
    return run_each(cases)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CORPORA, *TREES])
def test_a_hostile_corpus_is_bounded(name: str, measured: dict[str, Outcome]) -> None:
    outcome = measured[name]
    assert_bounded(outcome, 10_000_000)
    assert "\x1b[2J" not in outcome.stdout + outcome.stderr
    assert all(len(line) <= 1_000 for line in outcome.lines)
