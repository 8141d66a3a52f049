"""Self-made images: named by their folder, tied to photographs of their size, and left out of calibration."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from forensics.core.errors import DetectorError
from forensics.corpus.pools.pool import SELF_MADE_WEIGHT, Pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.contract import FitOptions
from forensics.detectors.fitting.fitted_on import FILE
from forensics.detectors.fitting.run import TrainDetectorOptions, train_on_corpora
from forensics.detectors.kinds.fingerprint import FingerprintDetector
from forensics.detectors.networks.trainer import _chances
from forensics.detectors.training_views.folds import folds_of
from forensics.detectors.training_views.views import crossed_views, held_out_views, with_equal_history
from forensics.metrics.detection import auc
from forensics.recipes.contract import RecipeInputs
from forensics.recipes.run import CorpusOptions, make_corpus

N = 12


@pytest.fixture(scope="module")
def data(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tree of the training images, and corpora of the embedded 64-px generator with photographs at its size."""
    out = tmp_path_factory.mktemp("data")
    for source, n in (("real", 2 * N), ("stylegan2", N), ("stylegan3", N)):
        (out / "train" / source).mkdir(parents=True)
        for path in sorted((shared / "data" / "faces256" / "train" / source).glob("*.png"))[:n]:
            shutil.copy(path, out / "train" / source)
    photographs = out / "train" / "real"
    make_corpus(CorpusOptions(out / "own" / "a", RecipeInputs(N, 0, "own-64", "cpu", photographs)))
    various = {"psi": "1.0", "noise": "random"}
    make_corpus(CorpusOptions(out / "own" / "b", RecipeInputs(N, 1, "own-64", "cpu"), settings=various))
    return out


@pytest.fixture(scope="module")
def pool(data: Path) -> Pool:
    return read_pool([data / "train"], trim_bottom=0.05, self_made=[data / "own"])


def test_sources_are_the_family_and_the_photographs_beside_it(data: Path, pool: Pool) -> None:
    assert pool.counts() == {
        "own": 2 * N, "own photographs": 2 * N, "real": 2 * N, "stylegan2": N, "stylegan3": N,
    }  # fmt: skip
    assert pool.unpaired == ("own", "own photographs")
    one = read_pool([data / "train"], self_made=[data / "own" / "b"])  # a corpus instead of a folder of them
    assert one.counts()["b"] == N


def test_a_reduced_photograph_is_in_the_fold_of_the_one_it_came_from(pool: Pool) -> None:
    fold = folds_of(pool, 0)
    parent = {own[0]: i for i, own in enumerate(pool.origins) if pool.sources[i] == "real"}
    reduced = [i for i, source in enumerate(pool.sources) if source == "own photographs"]
    for i in reduced:
        (origin,) = set(pool.origins[i]) & parent.keys()
        assert fold[i] == fold[parent[origin]]
    alone = pool.take([i for i, s in enumerate(pool.sources) if s not in pool.unpaired])
    assert np.array_equal(folds_of(alone, 0), fold[: len(alone)])  # what is added moves nothing else


def test_size_does_not_separate_self_made_images_from_photographs_beside_them(pool: Pool) -> None:
    views = crossed_views(pool, seed=0, jpeg_before=75)
    sizes = np.array([image.shape[:2] for image in views.images], np.float64) / 64
    own = np.isin(views.sources, ["own", "own photographs"])

    def separates(rows: np.ndarray) -> float:
        table = np.concatenate([sizes, sizes**2, sizes.prod(1)[:, None]], 1)[rows]
        fit = views.group[rows] % 2 == 0
        model = LogisticRegression(max_iter=2000).fit(table[fit], views.labels[rows][fit])
        return auc(model.decision_function(table[~fit]), views.labels[rows][~fit])

    assert abs(separates(own) - 0.5) < 0.1
    assert separates((views.sources == "own") | (views.sources == "real")) > 0.9  # without them, it would


def test_self_made_images_are_learned_from_and_do_not_calibrate(pool: Pool) -> None:
    views = crossed_views(pool, seed=0, jpeg_before=75)
    assert set(views.sources[views.paired]) == {"real", "stylegan2", "stylegan3"}
    weights = views.balanced()
    assert weights[views.sources == "own"].sum() > 0.05
    assert weights[views.sources == "own photographs"].sum() > 0.05
    held = held_out_views(pool.take(range(0, len(pool), 4)), 0, draws=2)
    assert 0 < held.paired.sum() < len(held.paired)


def test_the_photographs_past_goes_to_generated_images_only(pool: Pool) -> None:
    some = pool.take([0, 2 * N])
    given = with_equal_history(some, 75)
    assert some.labels.tolist() == [0, 1]
    assert np.array_equal(given.images[0], some.images[0])
    assert not np.array_equal(given.images[1], some.images[1])
    assert with_equal_history(some, 0) is some


def test_pools_keep_everything_else_out_of_the_fit(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = read_pool([data / "train"])
    names = ("train", "train", "calibrate", "test")
    places = {sha256: {"pool": names[i % 4], "group": sha256[:16]} for i, sha256 in enumerate(whole.sha256)}
    pools = tmp_path / "pools.json"
    pools.write_text(json.dumps({"images": places}), "utf-8")
    corpora, own = (data / "train",), (data / "own",)
    request = TrainDetectorOptions(
        tmp_path / "out", corpora, "frequency", device="cpu", pools=pools, self_made=own
    )
    summary = train_on_corpora(request)
    assert "warning: nothing of own, own photographs is in the pools" in capsys.readouterr().err
    rows = list(csv.DictReader((tmp_path / "out" / FILE).read_text("utf-8").splitlines()))
    assert {row["pool"] for row in rows} == {"train", "calibrate"}
    assert all(places[row["sha256"]]["pool"] == row["pool"] for row in rows)
    assert summary.n_training == sum(p["pool"] == "train" for p in places.values())
    call = json.loads((tmp_path / "out" / "evidence.json").read_text("utf-8"))["call"]
    assert call["arguments"]["options"]["pools"] == str(pools)
    assert call["arguments"]["options"]["self_made_weight"] == 0.25
    for place in places.values():
        place["pool"] = "train"
    pools.write_text(json.dumps({"images": places}), "utf-8")
    with pytest.raises(DetectorError, match="'calibrate'"):
        train_on_corpora(request)


def test_a_self_made_image_counts_its_share(data: Path, pool: Pool) -> None:
    assert pool.self_made == ("own", "own photographs")
    assert pool.self_made_weight == SELF_MADE_WEIGHT == 0.25
    whole = read_pool([data / "train"], trim_bottom=0.05, self_made=[data / "own"], self_made_weight=1.0)
    assert whole.sha256 == pool.sha256
    assert whole.fingerprint() != pool.fingerprint()  # a run with another weight is another run
    assert pool.take([0, len(pool) - 1]).weights().tolist() == [1.0, 0.25]
    some = [
        i
        for source in sorted(set(pool.sources))
        for i in np.flatnonzero(np.array(pool.sources) == source)[:4]
    ]

    def of_each_class(given: Pool) -> dict[str, float]:
        views = crossed_views(given.take(some), seed=0, jpeg_before=75)
        weights = views.balanced()
        assert weights[views.labels == 1].sum() == pytest.approx(0.5)
        return {str(s): float(weights[views.sources == s].sum()) for s in set(views.sources)}

    full, quarter = of_each_class(whole), of_each_class(pool)
    assert full["own"] == pytest.approx(full["stylegan3"])  # four images each
    assert quarter["own"] == pytest.approx(quarter["stylegan3"] / 4)
    assert quarter["own photographs"] == pytest.approx(quarter["real"] / 4)


def test_networks_draw_self_made_images_by_their_weight(pool: Pool) -> None:
    _, synthetic = _chances(pool, 64)
    sources = np.array(pool.sources)
    own, other = (synthetic[sources == name] for name in ("own", "stylegan2"))
    assert own.sum() == pytest.approx(0.25 * 2**0.5 * other.sum())  # twice as many images, each a quarter


def test_a_fingerprint_takes_self_made_images_for_those_of_a_generator_like_any_other(pool: Pool) -> None:
    # Measured cross-fitted: in the ensemble that costs StyleGAN2 and 3 nothing, and finds a tenth more of them.
    detector = FingerprintDetector.fit(pool, FitOptions(settings={"draws": 1}))
    assert detector.config["sources"] == ["own", "stylegan2", "stylegan3"]
    assert np.abs(detector.linear[:, 0]).min() > 0
    whole = FingerprintDetector.fit(replace(pool, self_made_weight=1.0), FitOptions(settings={"draws": 1}))
    np.testing.assert_array_equal(whole.linear, detector.linear)
