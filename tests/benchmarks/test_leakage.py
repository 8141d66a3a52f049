"""The metadata-only baseline finds what files say of themselves, and only that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from forensics.benchmarks.leakage import Leakage, metadata_baseline, past_warning
from forensics.benchmarks.perturbations.named import parse, perturb
from forensics.benchmarks.rows import FileFacts, ScoredImage
from forensics.core.files import sha256_file
from forensics.images import decode
from forensics.images.jpeg_tables import jpeg_table
from forensics.metrics.detection import Estimate, auc


def described(rng: np.random.Generator, label: int, **fixed: Any) -> ScoredImage:
    facts = {
        "format": "JPEG",
        "mode": "RGB",
        "width": 256,
        "height": 256,
        "n_bytes": int(rng.integers(9_000, 14_000)),
        "jpeg_tables": (jpeg_table(int(rng.integers(80, 96))),) * 2,
    }
    facts |= {name: value(label) if callable(value) else value for name, value in fixed.items()}
    return ScoredImage("c", "f", "0" * 64, label, "s", file_facts=FileFacts(**facts))


def baseline(n: int = 40, **fixed: Any) -> Leakage:
    rng = np.random.default_rng(0)
    rows = [described(rng, int(y), **fixed) for y in np.repeat([0, 1], [n, n])]
    return metadata_baseline(rows, seed=0, n_bootstrap=100)


def test_a_clean_set_does_not_leak() -> None:
    found = baseline()
    assert not found.leaking
    assert found.auc.low < 0.6
    assert found.by_kind["pixel size"] == 0.5  # all alike: nothing to learn


@pytest.mark.parametrize(
    ("kind", "fixed"),
    [
        ("format", {"format": lambda y: "PNG" if y else "JPEG"}),
        ("pixel size", {"width": lambda y: 1024 if y else 1000}),
        ("quantisation tables", {"jpeg_tables": lambda y: (jpeg_table(95 if y else 75),) * 2}),
        ("bytes", {"n_bytes": lambda y: 5000 if y else 20000}),
    ],
)
def test_each_kind_of_leak_is_named(kind: str, fixed: dict[str, Any]) -> None:
    found = baseline(**fixed)
    assert found.leaking
    assert found.auc.value > 0.95
    assert found.by_kind[kind] > 0.95
    assert "This set leaks" in found.words
    assert kind in found.words


def test_it_repeats_and_is_judged_on_images_it_did_not_see() -> None:
    """Random bytes could be learned by heart by a forest: out of fold they tell nothing."""
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], [60, 60])
    rows = [described(rng, int(y), width=int(rng.integers(200, 4000))) for y in labels]
    first = metadata_baseline(rows, seed=1, n_bootstrap=100)
    assert first == metadata_baseline(rows, seed=1, n_bootstrap=100)
    assert 0.3 < first.auc.value < 0.7


def test_too_few_images_are_said_to_be_too_few() -> None:
    found = baseline(n=3)
    assert found.auc is None
    assert not found.leaking
    assert "too few" in found.words


def test_a_fall_under_a_common_past_is_said() -> None:
    def known(value: float, low: float, high: float) -> Estimate:
        return Estimate(value, low, high, 100, 100)

    firm, lower, alike = known(0.99, 0.97, 1.0), known(0.7, 0.6, 0.8), known(0.97, 0.94, 0.99)
    assert "from 0.990 to 0.700" in past_warning({"none": firm, "jpeg70": alike, "history75": lower})
    assert past_warning({"none": firm, "jpeg70": lower, "history75": alike}) == ""
    assert past_warning({"none": firm}) == ""


def test_the_trap_in_real_files_is_found(shared: Path) -> None:
    """The photographs' originals were JPEG 75, 4:2:0; the samples' were not. Chroma alone shows it after reduction."""
    from forensics.detectors.features.spectral import block_cosine
    from forensics.images import resize

    def chroma(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return block_cosine((pixels @ np.array([-0.168736, -0.331264, 0.5])).astype(np.float32))

    def features(name: str) -> NDArray[np.float64]:
        (perturbation,) = parse(name)
        return np.stack(
            [
                chroma(perturb(resize(decode(f).pixels, 256), perturbation, seed=0, sha256=sha256_file(f))[0])
                for f in files
            ]
        )

    folder = shared / "data" / "originals1024"
    files = [f for source in ("real", "stylegan2") for f in sorted((folder / source).glob("*.jpg"))]
    labels = np.array([f.parent.name == "stylegan2" for f in files]).astype(int)
    as_they_are, with_a_past = features("none"), features("history75")
    scores = np.zeros((2, len(labels)))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(as_they_are, labels):
        scaler = StandardScaler().fit(as_they_are[train])
        model = LogisticRegression(C=0.1).fit(scaler.transform(as_they_are[train]), labels[train])
        for k, x in enumerate((as_they_are, with_a_past)):
            scores[k, test] = model.decision_function(scaler.transform(x[test]))
    assert auc(scores[0], labels) > 0.95
    # the samples with the photographs' past look like the photographs did as they were
    assert auc(np.where(labels, scores[1], scores[0]), labels) < 0.75
