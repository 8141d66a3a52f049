"""Every registered metric keeps the contract: its columns, one value a replicate, and its direction."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from forensics.core.registry import Method, methods
from forensics.metrics.contract import DetectionMetric, ImageSet, ImageSetMetric
from forensics.metrics.weighted import once, replicates

METRICS = methods("metric")
OF_SCORES = [m for m in METRICS if issubclass(m.target, DetectionMetric)]
OF_IMAGE_SETS = [m for m in METRICS if issubclass(m.target, ImageSetMetric)]


def test_every_metric_is_of_scores_or_of_image_sets() -> None:
    assert len(OF_SCORES) + len(OF_IMAGE_SETS) == len(METRICS) >= 10


@pytest.mark.parametrize("metric", OF_SCORES, ids=lambda m: m.name)
def test_a_metric_of_scores(metric: Method) -> None:
    """float64, one value a replicate; a separating detector is better than a blind one, and the file is its name."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    good = once(rng.normal(2.0 * labels - 1, 0.8), labels)
    blind = once(rng.normal(0, 2.0, 80), labels)
    of_good, of_blind = metric.target().measure(good), metric.target().measure(blind)
    assert list(of_good) == list(of_blind)
    name = metric.name.replace("-", "_")
    assert all(c.startswith(name) or (name, c[:11]) == ("tpr_at_fpr", "fpr_reached") for c in of_good)
    block = next(replicates(good.authentic, good.synthetic, 7, seed=1))
    for column, values in metric.target().measure(block).items():
        assert values.shape == (7,)
        assert values.dtype == np.float64
        if not column.startswith("fpr_reached"):
            assert (of_good[column] < of_blind[column]) == metric.target.lower_is_better


@pytest.mark.parametrize("metric", OF_IMAGE_SETS, ids=lambda m: m.name)
def test_a_metric_of_image_sets(metric: Method, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Plain finite numbers, the same again; nothing where what it needs is not installed."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (12, 8, 8, 3), np.uint8)
    sets = [
        ImageSet(pixels, rng.normal(m, 1, (12, 16)).astype(np.float32), torch.device("cpu")) for m in (0, 1)
    ]
    values = metric.target().measure(*sets)
    assert values == metric.target().measure(*sets)
    assert all(isinstance(v, float) and np.isfinite(v) for v in values.values())
    assert bool(values) == (metric.name != "fid")
