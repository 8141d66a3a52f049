"""Every hostile kind of weights file costs little, and ends in one line."""

from __future__ import annotations

import pytest

from tools.robustness.hostile.networks import WEIGHTS
from tools.robustness.measured import Outcome, assert_bounded, assert_refused
from tools.robustness.table import Attack, run_attacks, weights_attacks

Measured = tuple[dict[str, Attack], dict[str, Outcome]]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """The attacks, and what became of each."""
    attacks = weights_attacks(tmp_path_factory.mktemp("weights"))
    return attacks, run_attacks(attacks)


@pytest.mark.slow
@pytest.mark.parametrize("name", WEIGHTS)
def test_inspect_stays_within_bounds(name: str, measured: Measured) -> None:
    attacks, outcomes = measured
    assert_bounded(outcomes[f"inspect {name}"], attacks[f"inspect {name}"].n_bytes)


@pytest.mark.slow
@pytest.mark.parametrize("name", WEIGHTS)
def test_loading_is_refused(name: str, measured: Measured) -> None:
    attacks, outcomes = measured
    assert_refused(outcomes[f"load {name}"], attacks[f"load {name}"].n_bytes)
