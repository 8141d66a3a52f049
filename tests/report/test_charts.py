"""Every figure of a benchmark, on scores that overlap, that do not, and that are all equal."""

from __future__ import annotations

import base64
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest

from forensics.report import charts

LABELS = np.repeat([0, 1], [30, 20])
RNG = np.random.default_rng(0)
SCORES = {
    "overlapping": np.concatenate([RNG.normal(-1, 1, 30), RNG.normal(1, 1, 20)]),
    "apart": np.concatenate([RNG.normal(-5, 1, 30), RNG.normal(5, 1, 20)]),
    "equal": np.zeros(50),
}
CHARTS: dict[str, Callable[[np.ndarray], str]] = {
    "roc": lambda s: charts.roc({"a & <b>": (s, LABELS), "c": (-s, LABELS)}),
    "det": lambda s: charts.det({"a & <b>": (s, LABELS), "c": (-s, LABELS)}),
    "histogram": lambda s: charts.histogram(s, LABELS, (-0.5, 1.0)),
    "tippett": lambda s: charts.tippett(s, LABELS),
    "reliability": lambda s: charts.reliability(s, LABELS),
    "cross_entropy": lambda s: charts.cross_entropy(s, LABELS),
}


@pytest.mark.parametrize("name", sorted(CHARTS))
@pytest.mark.parametrize("scores", sorted(SCORES))
def test_figures_are_drawn(name: str, scores: str) -> None:
    uri = CHARTS[name](SCORES[scores])
    head, data = uri.split(",", 1)
    assert head == "data:image/svg+xml;base64"
    text = base64.b64decode(data).decode()
    ElementTree.fromstring(text)
    assert "nan" not in text.lower().replace("dominant", "")
    assert len(uri) < 80_000


def test_misleading_evidence_is_counted() -> None:
    svg = base64.b64decode(charts.tippett([-1, 1, 1, -1, 2, 3], [0, 0, 1, 1, 1, 1]).split(",")[1]).decode()
    assert "authentic, 50.0 % misleading" in svg
    assert "synthetic, 25.0 % misleading" in svg
