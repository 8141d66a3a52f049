"""The protocol on real faces: nothing lost, nothing tuned on the images, killed and run again it is the same."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forensics.benchmarks import scoring
from forensics.benchmarks.outcome import BenchmarkOutcome
from forensics.benchmarks.perturbations.named import parse
from forensics.benchmarks.protocol import Protocol, run_benchmark
from forensics.core.errors import CorpusError, ForensicsError
from forensics.detectors.contract import Detector
from forensics.detectors.loading import load_detector
from forensics.images import decode
from tests.benchmarks.brightness_run import Silent


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("without-clip")


@pytest.fixture(scope="module")
def tree(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 authentic, 8 StyleGAN2 and 8 StyleGAN3 faces as real/ and fake_…/."""
    folder = tmp_path_factory.mktemp("tree") / "faces"
    for source, name, n in (("real", "real", 16), ("stylegan2", "fake_sg2", 8), ("stylegan3", "fake_sg3", 8)):
        (folder / name).mkdir(parents=True)
        for file in sorted((shared / "data" / "faces256" / "val" / source).glob("*.png"))[:n]:
            shutil.copy(file, folder / name)
    return folder


def run(
    detector: Detector, corpora: list[Path], out: Path, perturb: str = "", **more: Any
) -> BenchmarkOutcome:
    progress = more.pop("progress", lambda title, n: nullcontext(Silent()))
    protocol = Protocol(corpora, [detector], parse(perturb), **({"n_bootstrap": 50} | more))
    return run_benchmark(protocol, out, progress)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.fixture(scope="module")
def done(
    detector: Detector, tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[BenchmarkOutcome, Path]:
    out = tmp_path_factory.mktemp("done") / "out"
    return run(detector, [tree], out, "jpeg70,crop"), out


def test_scores_are_the_detectors_own(
    done: tuple[BenchmarkOutcome, Path], detector: Detector, tree: Path
) -> None:
    outcome, _ = done
    assert [row.label for row in outcome.rows].count(1) == 16
    for row in outcome.rows[::7]:
        score = detector.score([decode(tree / row.file).pixels])[0]
        assert row.scores["none"].log10_lr[detector.id] == pytest.approx(score, abs=2e-3)


def test_the_synthetic_score_higher(done: tuple[BenchmarkOutcome, Path]) -> None:
    (whole, *_) = done[0].measured
    assert (whole.perturbation, whole.kind) == ("none", "all")
    assert whole.estimates["auc"].value > 0.8


def test_what_is_written(done: tuple[BenchmarkOutcome, Path], detector: Detector) -> None:
    outcome, out = done
    rows = list(csv.DictReader((out / "scores.csv").open()))
    n_detectors = len(outcome.rows[0].scores["none"].log10_lr)
    assert len(rows) == 32 * 3 * n_detectors
    assert {r["perturbation"] for r in rows} == {"none", "jpeg70", "crop"}
    crops = {r["draws"] for r in rows if r["perturbation"] == "crop"}
    assert len(crops) > 10  # drawn for each image
    measures = list(csv.DictReader((out / "results.csv").open()))
    assert {"auc", "eer", "cllr", "min_cllr", "ece", "tpr_at_fpr_0.01"} <= {m["measure"] for m in measures}
    assert all(float(m["low"]) <= float(m["high"]) and int(m["n_authentic"]) == 16 for m in measures)
    summary = json.loads((out / "results.json").read_text())
    assert summary["counts"] == {"in": 32, "scored": 32, "failed": 0, "duplicates": 0}
    assert summary["thresholds"] == json.loads(json.dumps(detector.thresholds.to_json()))
    assert {m["name"] for m in summary["measured"]} == {"", "fake_sg2", "fake_sg3"}


def test_both_classes_meet_the_same_perturbation(done: tuple[BenchmarkOutcome, Path]) -> None:
    """Draws depend on the file's hash, not its label: the spread of crops is alike, and jpeg70 is 70 for all."""
    for row in done[0].rows:
        assert row.scores["jpeg70"].draws["quality"] == 70
    sizes = {y: [r.scores["crop"].draws["percent"] for r in done[0].rows if r.label == y] for y in (0, 1)}
    assert abs(np.mean(sizes[0]) - np.mean(sizes[1])) < 15


def test_thresholds_do_not_follow_the_test_images(
    detector: Detector, tree: Path, tmp_path: Path, done: tuple[BenchmarkOutcome, Path]
) -> None:
    """Trap 7: leaving out the images that score worst changes no verdict of the others."""
    easy = tmp_path / "easy"
    shutil.copytree(tree, easy)
    scores = {r.file: r.scores["none"].log10_lr[detector.id] for r in done[0].rows}
    for file in sorted((f for f in scores if f.startswith("real")), key=lambda f: -scores[f])[:6]:
        (easy / file).unlink()
    outcome = run(detector, [easy], tmp_path / "out")
    synthetic = [v.counts for v in outcome.verdicts if v.label == 1]
    assert synthetic == [v.counts for v in done[0].verdicts if v.label == 1 and v.perturbation == "none"]


def test_nothing_is_lost_silently(detector: Detector, tree: Path, tmp_path: Path) -> None:
    """Trap 14: unreadable and doubled files are named, names with many dots kept, and the count adds up."""
    odd = tmp_path / "odd"
    shutil.copytree(tree, odd)
    good = (odd / "real" / "0000.png").read_bytes()
    (odd / "real" / "cut.png").write_bytes(good[:2000])
    (odd / "real" / "twice.png").write_bytes(good)
    (odd / "fake_sg2" / "0000.png").rename(odd / "fake_sg2" / "a.b.c.d.png")
    outcome = run(detector, [odd], tmp_path / "out")
    assert outcome.counts() == {"in": 34, "scored": 32, "failed": 1, "duplicates": 1}
    assert "cut.png" in outcome.failures[0]
    assert "twice.png" in outcome.plan.listing.duplicates[0]
    table = (tmp_path / "out" / "scores.csv").read_text()
    assert "a.b.c.d.png" in table
    assert "cut.png" in table


def test_a_file_under_both_labels_is_refused(detector: Detector, tree: Path, tmp_path: Path) -> None:
    twisted = tmp_path / "twisted"
    shutil.copytree(tree, twisted)
    shutil.copy(twisted / "real" / "0001.png", twisted / "fake_sg2" / "same.png")
    with pytest.raises(CorpusError, match="both labels"):
        run(detector, [twisted], tmp_path / "out")


def test_one_class_is_refused(detector: Detector, tree: Path, tmp_path: Path) -> None:
    shutil.copytree(tree / "real", tmp_path / "only" / "real")
    with pytest.raises(CorpusError, match="authentic and synthetic"):
        run(detector, [tmp_path / "only"], tmp_path / "out")


def interrupted_after(n: int) -> Callable[[str, int], Any]:
    class Meter(Silent):
        done = 0

        def advance(self, n_done: int = 1, status: str = "") -> None:
            Meter.done += n_done
            if Meter.done >= n:
                raise KeyboardInterrupt

    return lambda title, total: nullcontext(Meter())


def test_interrupted_and_run_again_it_is_the_same(
    detector: Detector,
    tree: Path,
    tmp_path: Path,
    done: tuple[BenchmarkOutcome, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(detector, [tree], tmp_path / "out", "jpeg70,crop", progress=interrupted_after(1))
    scored = []
    real = scoring._score_chunk
    monkeypatch.setattr(
        scoring, "_score_chunk", lambda plan, items: scored.append(len(items)) or real(plan, items)
    )
    run(detector, [tree], tmp_path / "out", "jpeg70,crop")
    assert scored == [32 - scoring.CHUNK]
    assert contents(tmp_path / "out") == contents(done[1])


def test_another_benchmark_is_not_mixed_in(
    detector: Detector, tree: Path, tmp_path: Path, done: tuple[BenchmarkOutcome, Path]
) -> None:
    shutil.copytree(done[1], tmp_path / "out")
    with pytest.raises(ForensicsError, match="perturbations"):
        run(detector, [tree], tmp_path / "out", "jpeg50")
    with pytest.raises(ForensicsError, match="seed"):
        run(detector, [tree], tmp_path / "out", "jpeg70,crop", seed=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(ForensicsError, match="not empty"):
        run(detector, [tree], tmp_path / "mine")
    assert contents(tmp_path / "mine") == {"thesis.txt": b"precious"}


def test_an_image_altered_after_listing_is_a_failure(detector: Detector, tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tree, copy)
    run(detector, [copy], tmp_path / "first")  # hashes are taken here
    shutil.copy(copy / "real" / "0003.png", copy / "real" / "0002.png")
    outcome = run(detector, [copy], tmp_path / "second")
    assert outcome.counts()["failed"] == 1
    assert "0002.png" in outcome.failures[0]
    assert "altered" in outcome.failures[0]
