"""The metadata-only baseline finds what files say of themselves, and only that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from forensics.benchmarks.leakage import metadata_baseline
from forensics.detectors.finding import jpeg_table


def described(rng: np.random.Generator, label: int, **fixed: Any) -> dict[str, Any]:
    own = {
        "format": "JPEG",
        "mode": "RGB",
        "width": 256,
        "height": 256,
        "n_bytes": int(rng.integers(9_000, 14_000)),
        "jpeg_tables": [jpeg_table(int(rng.integers(80, 96)))] * 2,
    }
    return own | {name: value(label) if callable(value) else value for name, value in fixed.items()}


def baseline(n: int = 40, **fixed: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [n, n])
    return metadata_baseline(
        [described(rng, int(y), **fixed) for y in labels], labels, seed=0, n_bootstrap=100
    )


def test_a_clean_set_does_not_leak() -> None:
    found = baseline()
    assert not found["leaking"]
    assert found["auc"]["low"] < 0.6
    assert found["by_kind"]["pixel size"] == 0.5  # all alike: nothing to learn


@pytest.mark.parametrize(
    ("kind", "fixed"),
    [
        ("format", {"format": lambda y: "PNG" if y else "JPEG"}),
        ("pixel size", {"width": lambda y: 1024 if y else 1000}),
        ("quantisation tables", {"jpeg_tables": lambda y: [jpeg_table(95 if y else 75)] * 2}),
        ("bytes", {"n_bytes": lambda y: 5000 if y else 20000}),
    ],
)
def test_each_kind_of_leak_is_named(kind: str, fixed: dict[str, Any]) -> None:
    found = baseline(**fixed)
    assert found["leaking"]
    assert found["auc"]["value"] > 0.95
    assert found["by_kind"][kind] > 0.95
    assert "This set leaks" in found["words"]
    assert kind in found["words"]


def test_it_repeats_and_is_judged_on_images_it_did_not_see() -> None:
    """Random bytes could be learned by heart by a forest: out of fold they tell nothing."""
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], [60, 60])
    rows = [described(rng, int(y)) | {"width": int(rng.integers(200, 4000))} for y in labels]
    first = metadata_baseline(rows, labels, seed=1, n_bootstrap=100)
    assert first == metadata_baseline(rows, labels, seed=1, n_bootstrap=100)
    assert 0.3 < first["auc"]["value"] < 0.7


def test_too_few_images_are_said_to_be_too_few() -> None:
    found = baseline(n=3)
    assert found["auc"] is None
    assert not found["leaking"]
    assert "too few" in found["words"]
