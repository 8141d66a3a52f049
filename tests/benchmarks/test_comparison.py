"""Comparisons find what changed, call nothing changed where nothing did, and never compare other images."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forensics.benchmarks.comparison import BenchmarkComparison, Difference, _adjusted, compare, read_results
from forensics.benchmarks.pages.comparison import compare_benchmarks, comparison_lines
from forensics.core.errors import ForensicsError
from forensics.metrics.detection import auc, cllr

THRESHOLDS = {
    "synthetic_at": 0.5, "authentic_at": -0.5, "target_fpr": 0.05, "target_fnr": 0.1, "n_authentic": 9,
    "n_synthetic": 9, "how": "by hand", "n": 18,
}  # fmt: skip
Scores = dict[str, tuple[int, str, float]]  # image → label, source, log10 LR


def folder(
    path: Path, scores: dict[str, Scores], detector: str = "d", draws: str = "", **limits: Any
) -> Path:
    """A benchmark's folder with these scores, by perturbation."""
    path.mkdir(parents=True)
    with (path / "scores.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(
            ["sha256", "label", "source", "perturbation", "draws", "withheld", "detector", "log10_lr"]
        )
        for perturbation, images in scores.items():
            for sha256, (label, source, value) in images.items():
                table.writerow([sha256, label, source, perturbation, draws, "", detector, value])
                table.writerow([sha256, label, source, perturbation, draws, "", "a part", -value])
    results = {"measured": [{"detector": detector}], "thresholds": THRESHOLDS | limits}
    (path / "results.json").write_text(json.dumps(results))
    return path


def drawn(seed: int, gap: float = 1.5, n: int = 60) -> Scores:
    rng = np.random.default_rng(seed)
    labels = [0] * n + [1] * n
    return {
        f"{i:064d}": (y, ("real", "gan")[y], float(rng.normal(gap * (y - 0.5)))) for i, y in enumerate(labels)
    }


def shifted(scores: Scores, by: Callable[[int, float], float]) -> Scores:
    return {k: (y, source, by(y, x)) for k, (y, source, x) in scores.items()}


def find(comparison: BenchmarkComparison, measure: str, part: str = "") -> Difference:
    (found,) = [d for d in comparison.differences if (d.measure, d.part) == (measure, part)]
    return found


def test_nothing_changed_is_said_to_be_nothing(tmp_path: Path) -> None:
    same = drawn(0)
    a, b = (read_results(folder(tmp_path / name, {"none": same})) for name in "ab")
    comparison = compare(a, b, n_bootstrap=200)
    assert comparison.n_images == 120
    assert all(d.p == 1 and d.low == d.high == 0 and d.change == "" for d in comparison.differences)


def test_a_real_change_is_found_with_its_size_and_direction(tmp_path: Path) -> None:
    before = drawn(1)
    after = shifted(before, lambda y, x: x + (0.8 if y else -0.3))
    a, b = (read_results(folder(tmp_path / n, {"none": s})) for n, s in (("a", before), ("b", after)))
    comparison = compare(a, b, n_bootstrap=2000)
    values = {side: (list(zip(*s.values(), strict=True))) for side, s in (("a", before), ("b", after))}
    for measure, function in (("auc", auc), ("cllr", cllr)):
        d = find(comparison, measure)
        assert d.a == pytest.approx(function(values["a"][2], values["a"][0]), abs=1e-6)
        assert d.b == pytest.approx(function(values["b"][2], values["b"][0]), abs=1e-6)
        assert d.low <= d.b - d.a <= d.high
        assert d.change == "better"
    called = find(comparison, "detections")
    assert called.only_a == 0
    assert called.only_b == sum(x < 0.5 <= x + 0.8 for y, _, x in before.values() if y)
    assert called.change == "better"
    worse = compare(b, a, n_bootstrap=2000)
    assert find(worse, "auc").change == "worse"
    assert find(worse, "cllr").change == "worse"
    assert find(worse, "detections").change == "worse"


def test_pairing_sees_what_two_separate_intervals_would_hide(tmp_path: Path) -> None:
    """The same images, each a little better: far beyond chance, though the two AUCs' own intervals overlap."""
    before = drawn(2, gap=1.0)
    after = shifted(before, lambda y, x: x + (0.25 if y else -0.25))
    a, b = (read_results(folder(tmp_path / n, {"none": s})) for n, s in (("a", before), ("b", after)))
    d = find(compare(a, b, n_bootstrap=2000), "auc")
    assert d.b - d.a < 0.12
    assert d.low > 0
    assert d.change == "better"


def test_chance_is_called_change_no_more_often_than_stated(tmp_path: Path) -> None:
    """Two detectors that are equally good and err independently: family-wise, about one run in twenty at most."""
    false = 0
    for k in range(20):
        a, b = (
            read_results(folder(tmp_path / f"{k}{n}", {"none": drawn(100 + 2 * k + s, n=40)}))
            for n, s in (("a", 0), ("b", 1))
        )
        false += any(d.change for d in compare(a, b, n_bootstrap=1000).differences)
    assert false <= 4


def test_holm_by_hand() -> None:
    one = Difference("none", "", "auc", 0.5, 0.6, 0.0, 0.2, 0.01, 10, 10)
    ps = (0.01, 0.04, 0.03, 0.5)
    assert [round(d.adjusted_p, 6) for d in _adjusted([replace(one, p=p) for p in ps])] == [
        0.04,
        0.09,
        0.09,
        0.5,
    ]


def test_other_images_are_left_out_and_said(tmp_path: Path) -> None:
    first = drawn(3)
    fewer = dict(list(first.items())[10:-20])
    a = read_results(folder(tmp_path / "a", {"none": first, "jpeg70": first}))
    b = read_results(folder(tmp_path / "b", {"none": fewer, "jpeg50": fewer}))
    comparison = compare(a, b, n_bootstrap=100)
    assert comparison.n_images == 90
    assert find(comparison, "auc").n_authentic == 50
    assert find(comparison, "auc").n_synthetic == 40
    assert [line for line in comparison.left_out if line.startswith("30 images that only")]
    assert [line for line in comparison.left_out if line.startswith("jpeg70: only in")]
    assert [line for line in comparison.left_out if line.startswith("jpeg50: only in")]
    strangers = {f"{int(k) + 1000:064d}": v for k, v in first.items()}
    with pytest.raises(ForensicsError, match="0 authentic and 0 synthetic images in common"):
        compare(a, read_results(folder(tmp_path / "c", {"none": strangers})))
    relabelled = {k: (1 - y, source, x) for k, (y, source, x) in first.items()}
    with pytest.raises(ForensicsError, match="in common"):
        compare(a, read_results(folder(tmp_path / "e", {"none": relabelled})))


def test_other_draws_are_not_compared(tmp_path: Path) -> None:
    same = drawn(4)
    a = read_results(folder(tmp_path / "a", {"none": same}, draws='{"top": 1}'))
    b = read_results(folder(tmp_path / "b", {"none": same}, draws='{"top": 2}'))
    comparison = compare(a, b, n_bootstrap=10)
    assert comparison.differences == ()
    assert "other draws" in comparison.left_out[0]


def test_each_detector_has_its_own_thresholds_and_parts_are_ignored(tmp_path: Path) -> None:
    same = drawn(5)
    a = read_results(folder(tmp_path / "a", {"none": same}))
    b = read_results(folder(tmp_path / "b", {"none": same}, detector="e", synthetic_at=0.1))
    comparison = compare(a, b, n_bootstrap=100)
    called = find(comparison, "false_alarms")
    assert called.only_b == sum(0.1 <= x < 0.5 for y, _, x in same.values() if not y)
    assert called.only_a == 0
    assert find(comparison, "auc").a == find(comparison, "auc").b


def test_the_page_and_the_files_repeat(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = shifted(drawn(6), lambda y, x: x)
    before |= {f"{900 + i:064d}": (1, "<b>gan two</b>", 0.5 * i) for i in range(12)}
    after = shifted(before, lambda y, x: x + 0.2 * y)
    a = folder(tmp_path / "a", {"none": before, "jpeg70": before})
    b = folder(tmp_path / "b", {"none": after, "jpeg70": after}, detector="d<script>")
    written = []
    for name in ("one", "two"):
        comparison = compare_benchmarks(a, b, tmp_path / name, n_bootstrap=200)
        written.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"report.html", "comparison.json", "comparison.csv", "evidence.json"}
    html = written[0]["report.html"].decode()
    assert "<script" not in html
    assert "<b>gan two" not in html
    assert "McNemar" in html
    lines = list(comparison_lines(comparison, tmp_path / "one"))
    assert lines[0].startswith("A d, B d<script>; 132 images in common, 18 differences")
    assert len(json.loads(written[0]["comparison.json"])["differences"]) == 18


def test_what_is_no_benchmark_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ForensicsError, match="holds no finished benchmark"):
        read_results(tmp_path)
    broken = folder(tmp_path / "a", {"none": drawn(0, n=2)})
    text = (broken / "scores.csv").read_text()
    (broken / "scores.csv").write_text(text.replace("real,none", "real,none,,,d,nan\n", 1))
    with pytest.raises(ForensicsError, match="holds no finished benchmark"):
        read_results(broken)
