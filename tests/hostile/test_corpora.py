"""Every hostile kind of corpus or tree costs little, and what opens one ends in lines, not a traceback."""

from __future__ import annotations

import pytest

from tools.robustness.hostile.corpora import CORPORA, TREES
from tools.robustness.measured import Outcome, assert_bounded
from tools.robustness.table import corpus_attacks, run_attacks


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """kind → what became of training on it."""
    return run_attacks(corpus_attacks(tmp_path_factory.mktemp("corpora")))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CORPORA, *TREES])
def test_a_hostile_corpus_is_bounded(name: str, measured: dict[str, Outcome]) -> None:
    outcome = measured[name]
    assert_bounded(outcome, 10_000_000)
    assert "\x1b[2J" not in outcome.stdout + outcome.stderr
    assert all(len(line) <= 1_000 for line in outcome.lines)
