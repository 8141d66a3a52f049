"""Learning curves: nested subsets, one test pool, means over seeds, and a figure."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from forensics import cli
from forensics.benchmarks.learning_curve import training as room
from forensics.benchmarks.learning_curve.curve import (
    CurveMean,
    CurvePoint,
    means_over_seeds,
    nested,
    power_law,
    sizes_of,
)
from forensics.corpus.pools.pool import Pool
from forensics.metrics.detection import auc


def main(words: list[str]) -> int:
    """The exit code of `forensics WORDS`."""
    with patch.object(sys, "argv", ["forensics", *words]), pytest.raises(SystemExit) as leaving:
        cli.main()
    return int(leaving.value.code or 0)


def pool(n_real: int = 40, n_a: int = 20, n_b: int = 12) -> Pool:
    sources = ("real",) * n_real + ("a",) * n_a + ("b",) * n_b
    labels = np.array([s != "real" for s in sources], np.int64)
    blank = np.zeros((8, 8, 3), np.uint8)
    return Pool((blank,) * len(sources), labels, sources, tuple(f"{i:064x}" for i in range(len(sources))))


def test_subsets_are_nested_and_keep_the_shares() -> None:
    whole = pool()
    before: set[int] = set()
    for size in (9, 18, 36, 72):
        rows = set(nested(whole, size, seed=3))
        assert before <= rows
        assert abs(len(rows) - size) <= 1
        counts = whole.take(sorted(rows)).counts()
        assert abs(counts["real"] - 40 * size / 72) <= 0.5
        assert counts["b"] >= 1
        before = rows
    assert nested(whole, 72, 0) == list(range(72))
    assert nested(whole, 18, 0) != nested(whole, 18, 1)


def test_sizes_are_halvings() -> None:
    assert sizes_of(500, 40) == (62, 125, 250, 500)
    assert sizes_of(50, 40) == (50,)


def test_means_are_means_with_an_interval_over_the_same_test_images() -> None:
    rng = np.random.default_rng(0)
    tested = pool()
    points = [
        CurvePoint(size, seed, 1, 1, rng.normal(gap * tested.labels))
        for size, gap in ((50, 0.5), (100, 2.0))
        for seed in range(3)
    ]
    found = {(m.part, m.size): m for m in means_over_seeds(points, tested, n_bootstrap=200)}
    assert set(found) == {(p, s) for p in ("all", "a", "b") for s in (50, 100)}
    chosen = [i for i, s in enumerate(tested.sources) if s in ("real", "a")]
    aucs = [auc(p.scores[chosen], tested.labels[chosen]) for p in points if p.size == 100]
    m = found["a", 100]
    assert m.auc == pytest.approx(np.mean(aucs))
    assert m.sd_between_seeds == pytest.approx(np.std(aucs, ddof=1))
    assert m.low < m.auc < m.high
    (alone, *_) = means_over_seeds(points[:1], tested, n_bootstrap=50)
    assert alone.sd_between_seeds is None  # one training says nothing of the spread
    assert (m.n_seeds, m.n_authentic, m.n_synthetic) == (3, 40, 20)


def test_a_power_law_is_found_and_none_is_made_up() -> None:
    def curve(errors: list[float]) -> list[CurveMean]:
        return [CurveMean("all", 50 * 2**k, 1 - e, 0, 1, 0, 1, 9, 9) for k, e in enumerate(errors)]

    law = power_law(curve([2 * (50 * 2**k) ** -0.5 for k in range(4)]))
    assert law == pytest.approx((2, 0.5))
    assert power_law(curve([0.1, 0.2, 0.3])) is None
    assert power_law(curve([0.1, 0.05, 0.0])) is None
    assert power_law(curve([0.23, 0.26, 0.24, 0.21])) is None  # up and down: noise
    assert power_law(curve([0.2, 0.1])) is None


def test_the_command_runs_resumes_and_repeats(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for source, name, n in (("real", "real", 20), ("stylegan2", "fake", 16)):
        (tmp_path / "faces" / name).mkdir(parents=True)
        for file in sorted((shared / "data" / "faces256" / "val" / source).glob("*.png"))[:n]:
            with Image.open(file) as image:
                image.resize((64, 64)).save(tmp_path / "faces" / name / file.name)
    argv = [
        "benchmark",
        str(tmp_path / "faces"),
        "--out",
        str(tmp_path / "out"),
        "--learning-curve",
        "frequency",
    ]
    argv += ["--device", "cpu", "--trainings", "2", "--sizes"]
    assert main([*argv, "8,16"]) == 0
    assert "16 images: AUC" in capsys.readouterr().out
    files = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir() if p.is_file()}
    assert {"points.csv", "curve.csv", "curve.svg", "evidence.json", "pools.json"} <= set(files)
    rows = list(csv.DictReader((tmp_path / "out" / "points.csv").open(newline="")))
    assert [(r["training_images"], r["seed"]) for r in rows] == [
        ("8", "0"),
        ("16", "0"),
        ("8", "1"),
        ("16", "1"),
    ]
    monkeypatch.setattr(room, "train_detector", lambda *a: pytest.fail("trained again"))
    assert main([*argv, "8,16"]) == 0
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir() if p.is_file()} == files
    capsys.readouterr()
    assert main([*argv, "8,5000"]) == 2
    assert "the training pool holds 18" in capsys.readouterr().err
