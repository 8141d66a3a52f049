"""Every hostile kind of archive to train on costs little, and ends with exit code 2; what is rejected is named."""

from __future__ import annotations

import pytest

from tools.robustness.hostile.photographs import ARCHIVES
from tools.robustness.measured import Outcome, assert_bounded
from tools.robustness.table import Attack, archive_attacks, run_attacks

Measured = tuple[dict[str, Attack], dict[str, Outcome]]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """The attacks, and what became of each."""
    attacks = archive_attacks(tmp_path_factory.mktemp("archives"))
    return attacks, run_attacks(attacks)


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHIVES)
def test_training_on_it_is_refused(name: str, measured: Measured) -> None:
    attacks, outcomes = measured
    outcome = outcomes[name]
    assert_bounded(outcome, attacks[name].n_bytes)
    assert outcome.code == 2
    assert outcome.lines[-1].startswith("error: ")
    assert all(len(line) <= 1_000 and line.isprintable() for line in outcome.lines)
