"""Every hostile kind of weights file costs little, and ends in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.robustness.hostile.weights import WEIGHTS
from tools.robustness.measured import Outcome, assert_bounded, assert_refused, run_each

Measured = dict[str, tuple[Outcome, Outcome, int]]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """kind → (inspecting it, loading it, bytes of the file)."""
    folder = tmp_path_factory.mktemp("weights")
    cases: dict[str, list[str | Path]] = {}
    for name, write in WEIGHTS.items():
        write(folder / name)
        cases[f"inspect {name}"] = ["inspect", folder / name]
        cases[f"load {name}"] = ["export", folder / name, folder / f"{name}.onnx"]
    outcomes = run_each(cases)
    sizes = {name: (folder / name).stat().st_size if (folder / name).is_file() else 0 for name in WEIGHTS}
    return {name: (outcomes[f"inspect {name}"], outcomes[f"load {name}"], sizes[name]) for name in WEIGHTS}


@pytest.mark.slow
@pytest.mark.parametrize("name", WEIGHTS)
def test_inspect_stays_within_bounds(name: str, measured: Measured) -> None:
    inspected, _, n_bytes = measured[name]
    assert_bounded(inspected, n_bytes)


@pytest.mark.slow
@pytest.mark.parametrize("name", WEIGHTS)
def test_loading_is_refused(name: str, measured: Measured) -> None:
    _, loaded, n_bytes = measured[name]
    assert_refused(loaded, n_bytes)
