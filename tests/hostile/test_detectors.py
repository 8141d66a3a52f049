"""Every hostile kind of detector folder ends in one line, and never in a score that is no number."""

from __future__ import annotations

import json

import pytest

from tools.robustness.hostile.detectors import DETECTORS, HARMLESS
from tools.robustness.measured import Outcome, assert_bounded, assert_refused
from tools.robustness.table import detector_attacks, run_attacks


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """kind → what became of detecting a picture with it."""
    return run_attacks(detector_attacks(tmp_path_factory.mktemp("detectors")))


@pytest.mark.slow
@pytest.mark.parametrize("name", DETECTORS)
def test_a_hostile_detector_is_refused(name: str, measured: dict[str, Outcome]) -> None:
    outcome = measured[name]
    if name not in HARMLESS:
        assert_refused(outcome, 0)
        return
    assert_bounded(outcome, 0)
    assert "\x1b" not in outcome.stdout + outcome.stderr
    assert all(json.loads(line)["log10_lr"] is not None for line in outcome.stdout.splitlines())
