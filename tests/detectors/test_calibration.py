"""Calibration: monotone, bounded, the right sign and size; thresholds that keep their error rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.core.errors import DetectorError
from forensics.detectors.calibration import Calibration, elub, fit_calibration, fix_thresholds
from forensics.metrics.detection import calibration_loss

pools = st.tuples(
    st.integers(0, 2**32 - 1), st.integers(5, 80), st.integers(5, 80), st.floats(-3, 6), st.floats(0.1, 100)
)


def _draw(pool: tuple[int, int, int, float, float]) -> tuple[np.ndarray, np.ndarray]:
    seed, n_authentic, n_synthetic, distance, scale = pool
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.normal(0, 1, n_authentic), rng.normal(distance, 1, n_synthetic)]) * scale
    return scores, np.repeat([0, 1], [n_authentic, n_synthetic])


@settings(max_examples=40, deadline=None)
@given(pools)
def test_calibration_is_monotone_and_bounded_on_both_sides_of_zero(
    pool: tuple[int, int, int, float, float],
) -> None:
    scores, labels = _draw(pool)
    calibration = fit_calibration(scores, labels)
    grid = np.linspace(scores.min() - 10 * pool[4], scores.max() + 10 * pool[4], 200)
    log10_lr = calibration(grid)
    assert (np.diff(log10_lr) >= 0).all()
    assert calibration.lowest <= 0 <= calibration.highest
    assert log10_lr.min() >= calibration.lowest
    assert log10_lr.max() <= calibration.highest
    assert Calibration.from_json(calibration.to_json()) == calibration


@settings(max_examples=40, deadline=None)
@given(pools)
def test_bounds_grow_no_faster_than_the_pool(pool: tuple[int, int, int, float, float]) -> None:
    calibration = fit_calibration(*_draw(pool))
    assert calibration.highest <= np.log10(pool[1] + 1) + 0.02
    assert -calibration.lowest <= np.log10(pool[2] + 1) + 0.02


def test_bounds_of_separated_pools_are_the_size_of_the_other_class() -> None:
    # Perfect separation with n authentic images supports an LR of about n, not more (Vergeer et al. 2016, sec. 3).
    scores, labels = np.repeat([-50.0, 50.0], [99, 49]), np.repeat([0, 1], [99, 49])
    lowest, highest = elub(scores, labels)
    assert highest == pytest.approx(np.log10(99), abs=0.03)
    assert lowest == pytest.approx(-np.log10(49), abs=0.03)


def test_copies_of_an_image_do_not_widen_the_bounds() -> None:
    scores, labels = np.repeat([-50.0, 50.0], [99, 49]), np.repeat([0, 1], [99, 49])
    repeated = elub(np.repeat(scores, 4), np.repeat(labels, 4), draws=4)
    assert repeated == pytest.approx(elub(scores, labels), abs=0.02)


def test_gaussian_scores_get_their_true_likelihood_ratio() -> None:
    # N(0, 1) against N(2, 1): ln LR = 2 x − 2.
    rng = np.random.default_rng(3)
    n = 20000
    scores, labels = (
        np.concatenate([rng.normal(0, 1, n), rng.normal(2, 1, n // 4)]),
        np.repeat([0, 1], [n, n // 4]),
    )
    calibration = fit_calibration(scores, labels)
    assert calibration.slope == pytest.approx(2 / np.log(10), rel=0.03)
    assert calibration.offset == pytest.approx(-2 / np.log(10), rel=0.04)
    assert calibration_loss(calibration(scores), labels) < 0.01


def test_scores_that_say_nothing_say_nothing() -> None:
    rng = np.random.default_rng(5)
    calibration = fit_calibration(rng.normal(size=400), np.tile([0, 1], 200))
    assert np.abs(calibration(rng.normal(size=50))).max() < 0.2


def test_reversed_scores_are_not_turned_around() -> None:
    scores, labels = np.repeat([2.0, -2.0], 30) + np.linspace(-1, 1, 60), np.repeat([0, 1], 30)
    assert fit_calibration(scores, labels).slope == 0.0


@settings(max_examples=40, deadline=None)
@given(pools, st.floats(0.02, 0.3), st.floats(0.02, 0.3))
def test_thresholds_keep_their_error_rates_and_their_side(
    pool: tuple[int, int, int, float, float], target_fpr: float, target_fnr: float
) -> None:
    scores, labels = _draw(pool)
    log10_lr = fit_calibration(scores, labels).uncapped(scores)
    limits = fix_thresholds(log10_lr, labels, (target_fpr, target_fnr))
    assert limits.authentic_at < 0 < limits.synthetic_at
    verdicts = np.array([limits.verdict(value) for value in log10_lr])
    assert (verdicts[labels == 0] == "synthetic").mean() <= target_fpr
    assert (verdicts[labels == 1] == "authentic").mean() <= target_fnr
    assert limits.to_json()["n"] == pool[1] + pool[2]


def test_rate_on_new_images_is_the_target() -> None:
    rng = np.random.default_rng(11)
    reached = []
    for _ in range(300):
        pool = np.concatenate([rng.normal(0.5, 1, 60), rng.normal(3, 1, 30)])
        limits = fix_thresholds(pool, np.repeat([0, 1], [60, 30]), (0.05, 0.05))
        reached.append(float((rng.normal(0.5, 1, 400) >= limits.synthetic_at).mean()))
    assert np.mean(reached) <= 0.052


def test_copies_of_an_image_do_not_move_the_thresholds() -> None:
    rng = np.random.default_rng(2)
    scores, labels = (
        np.concatenate([rng.normal(0, 1, 100), rng.normal(3, 1, 60)]),
        np.repeat([0, 1], [100, 60]),
    )
    once = fix_thresholds(scores, labels, (0.05, 0.05))
    thrice = fix_thresholds(np.repeat(scores, 3), np.repeat(labels, 3), (0.05, 0.05), draws=3)
    assert (once.synthetic_at, once.authentic_at) == (thrice.synthetic_at, thrice.authentic_at)
    assert (once.n_authentic, once.n_synthetic) == (thrice.n_authentic, thrice.n_synthetic) == (100, 60)


def test_too_few_images_for_the_target_is_said() -> None:
    scores, labels = np.linspace(-1, 1, 20), np.repeat([0, 1], 10)
    assert "too few" in fix_thresholds(scores, labels, (0.01, 0.3)).how


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [([1.0, 2.0], [1, 1], "only one kind"), ([1.0, np.nan], [0, 1], "not finite"), ([], [], "only one kind")],
)
def test_pools_that_cannot_calibrate(scores: list[float], labels: list[int], message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        fit_calibration(scores, labels)


@pytest.mark.parametrize(
    "value",
    [
        {"slope": -1.0, "offset": 0.0, "lowest": -1.0, "highest": 1.0},
        {"slope": 1.0, "offset": 0.0, "lowest": 0.5, "highest": 1.0},
        {"slope": float("nan"), "offset": 0.0, "lowest": -1.0, "highest": 1.0},
    ],
)
def test_damaged_calibration_is_refused(value: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        Calibration.from_json(value)


def test_an_easy_source_hides_no_hard_one() -> None:
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(-3, 0.5, 300), rng.normal(-0.5, 1, 200), rng.normal(2, 1, 200)])
    labels = np.repeat([0, 0, 1], [300, 200, 200])
    sources = np.repeat(["easy", "hard", "made"], [300, 200, 200])
    pooled = fix_thresholds(scores, labels, (0.05, 0.1))
    each = fix_thresholds(scores, labels, (0.05, 0.1), sources=sources)
    hard = scores[300:500]
    assert (hard >= pooled.synthetic_at).mean() > 0.08
    assert 0.03 < (hard >= each.synthetic_at).mean() <= 0.05
    assert "each source" in each.how
    few = np.repeat(["easy", "odd", "made"], [497, 3, 200])  # too few to keep a rate on by themselves
    assert fix_thresholds(scores, labels, (0.05, 0.1), sources=few).synthetic_at < each.synthetic_at
