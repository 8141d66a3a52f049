"""Statistics of frozen layers: what is counted, where it comes from, and how it is fitted without its own fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pytest
import torch

from forensics.backbones.layer_statistics import LayerStatistics
from forensics.core.errors import DetectorError
from forensics.corpus.pools.pool import Pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.checked import Json
from forensics.detectors.contract import Detector, FitOptions
from forensics.detectors.fitting.engine import TrainingOptions, can_cross, train_detector
from forensics.detectors.kinds.ensemble import EnsembleDetector
from forensics.detectors.kinds.layers import LayersDetector, ridge
from forensics.detectors.loading import load_detector
from forensics.detectors.training_views.folds import FOLDS, folds_of
from forensics.detectors.training_views.jpeg_history import with_jpeg_history
from forensics.detectors.training_views.views import Views, crossed_views
from forensics.metrics.detection import auc


@pytest.fixture(scope="module")
def pool(shared: Path) -> Pool:
    data = shared / "data"
    whole = read_pool([data / "faces256" / "train"], [data / "wild128"], trim_bottom=0.05)
    wanted = {"real": 16, "stylegan2": 8, "stylegan3": 8, "wild128": 8}
    rows = [[i for i, s in enumerate(whole.sources) if s == source][:n] for source, n in wanted.items()]
    return whole.take(np.concatenate(rows))


@pytest.fixture(scope="module")
def views(pool: Pool) -> Views:
    return crossed_views(pool, seed=0, jpeg_before=75)


def test_statistics_are_means_and_spreads_of_every_channel_in_any_batch(pool: Pool) -> None:
    statistics = LayerStatistics.from_imagenet((0,))
    images = [pool.images[0], pool.images[-1], pool.images[1]]
    table = statistics(images)
    assert table.shape == (3, statistics.length()) == (3, 2 * 3120)
    alone = np.concatenate([statistics([image]) for image in images])
    assert np.allclose(table, alone, atol=2e-3)
    with torch.inference_mode():
        x = (torch.from_numpy(images[0]).permute(2, 0, 1)[None].float() - 127) / 128
        stem = statistics.trunks[0].stem(x)[0]
    assert table[0, :32] == pytest.approx(stem.mean((1, 2)).numpy(), abs=1e-4)
    assert table[0, 32:64] == pytest.approx(stem.std((1, 2), correction=0).numpy(), abs=2e-3)


def test_places_add_up_to_the_statistics(pool: Pool) -> None:
    statistics = LayerStatistics.from_imagenet((0,))
    said = statistics([pool.images[0]])[0]
    slopes = np.random.default_rng(0).normal(0, 1, len(said)).astype(np.float32)
    local = statistics.local(pool.images[0], slopes, said)
    assert local.shape == (8, 8)
    assert local.mean() == pytest.approx(float(slopes @ said), rel=1e-3)
    assert local.std() > 0


def test_both_classes_pass_the_same_draws_but_for_the_past(pool: Pool) -> None:
    views = crossed_views(pool, seed=0, jpeg_before=75)
    real, fake = 0, pool.sources.index("stylegan3")
    for image, past in ((real, False), (fake, True)):
        own = views.images[image * views.draws : (image + 1) * views.draws]
        assert np.array_equal(own[0], pool.images[image])
        assert np.array_equal(
            own[1], with_jpeg_history(pool.images[image], 75) if past else pool.images[image]
        )
        assert min(own[-1].shape[:2]) < 243
    assert views.training.reshape(-1, views.draws)[:, 0].sum() == 0  # never learned from as they are
    again = crossed_views(pool.take([fake]), seed=0, jpeg_before=75)
    for first, second in zip(
        views.images[fake * views.draws : (fake + 1) * views.draws], again.images, strict=True
    ):
        assert np.array_equal(first, second)


def test_weights_balance_classes_and_calibration_leaves_unpaired_photographs_out(views: Views) -> None:
    weights = views.balanced()
    assert weights[views.labels == 0].sum() == pytest.approx(0.5)
    assert weights[views.labels == 1].sum() == pytest.approx(0.5)
    assert weights[views.sources == "real"].sum() > weights[views.sources == "wild128"].sum()
    assert set(views.sources[~views.paired]) == {"wild128"}
    assert views.counts.reshape(-1, views.draws).sum(1) == pytest.approx(np.full(40, views.draws))


def test_images_that_hang_together_share_a_fold(pool: Pool) -> None:
    fold = folds_of(pool, 0)
    assert set(fold) == set(range(FOLDS))
    tied = Pool(
        pool.images,
        pool.labels,
        pool.sources,
        pool.sha256,
        pool.trimmed,
        pool.phash,
        tuple(("one original",) if i in (0, 5, 9) else () for i in range(len(pool))),
    )
    assert len(set(folds_of(tied, 0)[[0, 5, 9]])) == 1
    assert np.array_equal(folds_of(pool.take(range(39, -1, -1)), 0)[::-1], fold)


def test_ridge_agrees_with_its_primal_and_ignores_the_scale_of_weights() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(0, 1, (60, 8)).astype(np.float32)
    targets = np.sign(table[:, 0] + 0.3 * rng.normal(0, 1, 60))
    importance, group, rows = rng.uniform(0.5, 1.5, 60), np.arange(60), np.arange(60)
    weights, offset = ridge(table, targets, importance, group, rows, table @ table.T)
    again, _ = ridge(table, targets, 7 * importance, group, rows, table @ table.T)
    assert np.allclose(weights, again, atol=1e-5)
    strange = rng.normal(3, 1, (20, 8)).astype(np.float32)  # rows that are not asked for
    wider = np.concatenate([table, strange])
    padded = [np.concatenate([values, np.ones(20)]) for values in (targets, importance)]
    same, _ = ridge(wider, padded[0], padded[1], np.arange(80), rows, wider @ wider.T)
    assert np.allclose(weights, same, atol=1e-5)
    share = importance / importance.sum()
    centred = table - share @ table
    penalty = 6.0 * (share * (centred**2).sum(1)).sum() / 60
    gram = (centred * share[:, None]).T @ centred + penalty * np.eye(8)
    assert weights == pytest.approx(
        np.linalg.solve(gram, (centred * share[:, None]).T @ (targets - share @ targets)), abs=1e-4
    )
    assert offset == pytest.approx(share @ targets - (share @ table) @ weights, abs=1e-4)


def test_scores_that_calibrate_know_nothing_of_their_own_labels(pool: Pool, views: Views) -> None:
    # With labels dealt at random, a classifier remembers those it was fitted to, and cannot guess those it was not.
    rng = np.random.default_rng(1)
    dealt = np.repeat(rng.permutation(np.repeat([0, 1], 20)), views.draws)
    shuffled = replace(views, labels=dealt)
    detector, crossed = LayersDetector.fit_crossed(pool, shuffled, FitOptions())
    assert auc(detector.raw_scores(views.images[1 :: views.draws]), dealt[:: views.draws]) > 0.9
    assert auc(crossed[1 :: views.draws], dealt[:: views.draws]) < 0.75


def test_ensemble_of_two_networks_end_to_end(pool: Pool, tmp_path: Path) -> None:
    assert can_cross(("layers", "layers_2"))
    assert can_cross(("layers", "frequency"))
    assert not can_cross(("layers", "cnn"))
    assert not can_cross(("frequency",))
    detector = train_detector(
        "ensemble",
        pool,
        tmp_path / "out",
        TrainingOptions(tmp_path / "work", jpeg_before=75, parts=("layers", "layers_2")),
    )
    assert isinstance(detector, EnsembleDetector)
    assert [part.config["variants"] for part in detector.parts] == [[0], [2]]
    assert detector.card.training.images == 40
    assert detector.card.calibration.sources == {"real": 16, "stylegan2": 8, "stylegan3": 8}
    assert detector.domain.min_side_px == 64
    assert detector.thresholds.n == 40
    assert not (tmp_path / "work" / "crossed").exists()  # hundreds of MB that nobody needs again
    again = load_detector(tmp_path / "out")
    images = [pool.images[0], pool.images[20], pool.images[39]]
    assert np.array_equal(detector.score(images), again.score(images))
    found = again.evidence_map(images[1])
    assert found is not None
    assert again.calibration is not None
    assert found.mean() == pytest.approx(
        again.calibration.uncapped(again.raw_scores(images[1:2]))[0], abs=1e-3
    )


def test_statistics_that_were_kept_are_not_computed_again(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = crossed_views(pool.take([0, 1, 16, 17, 24, 32]), seed=0, jpeg_before=75)
    first, crossed = LayersDetector.fit_crossed(pool, views, FitOptions(work=tmp_path))
    assert list(tmp_path.glob("layers-*.safetensors"))

    def fail(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(LayerStatistics, "__call__", fail)
    again, repeated = LayersDetector.fit_crossed(pool, views, FitOptions(work=tmp_path))
    assert np.array_equal(first.weights, again.weights)
    assert np.array_equal(crossed, repeated)
    other = replace(views, images=[*views.images[:-1], views.images[0]])
    with pytest.raises(AssertionError, match="computed again"):
        LayersDetector.fit_crossed(pool, other, FitOptions(work=tmp_path))


@dataclass
class _Remembers(Detector):
    """A kind that knows the images it was fitted to, and nothing else."""

    known: frozenset[bytes] = frozenset()

    kind: ClassVar[str] = "remembers"

    @classmethod
    def fit(cls, pool: Pool, options: FitOptions) -> Self:
        return cls({}, known=frozenset(image.tobytes() for image in pool.images))

    @classmethod
    def from_arrays(cls, config: Json, arrays: Mapping[str, np.ndarray]) -> Self:
        return cls({})

    def arrays(self) -> dict[str, np.ndarray]:
        return {}

    def raw_scores(self, images: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([float(image.tobytes() in self.known) for image in images])


def test_a_part_that_fits_to_a_pool_scores_no_image_it_was_fitted_to(pool: Pool, views: Views) -> None:
    equal = views.with_equal_history()
    part, crossed = _Remembers.fit_crossed(replace(pool, images=equal), views, FitOptions())
    assert part.raw_scores(equal).all()
    assert not crossed[1 :: views.draws].any()
    fake = pool.sources.index("stylegan3")
    assert not part.raw_scores([pool.images[fake]]).any()  # learned from with the photographs' history only


def test_other_networks_are_refused() -> None:
    with pytest.raises(DetectorError, match="variants"):
        LayersDetector.from_arrays({"variants": [7]}, {})
