"""Metrics against values worked out by hand, against scikit-learn, and by their laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from forensics.metrics import detection as metrics
from forensics.metrics import weighted
from forensics.metrics.auc import area_under_roc

# four authentic, four synthetic; one synthetic (-1) below one authentic (0.5)
SCORES = [-2.0, -1.5, -0.5, 0.5, -1.0, 1.0, 1.5, 2.0]
LABELS = [0, 0, 0, 0, 1, 1, 1, 1]


@st.composite
def labelled(draw: st.DrawFn) -> tuple[list[float], list[int]]:
    """Between 2 and 40 scores on a coarse grid (ties are frequent) with both labels present."""
    n = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    scores = draw(st.lists(st.integers(-12, 12), min_size=sum(n), max_size=sum(n)))
    return [s / 4 for s in scores], [0] * n[0] + [1] * n[1]


def test_higher_means_synthetic() -> None:
    assert metrics.auc([-1, 1], [0, 1]) == 1.0
    assert metrics.auc([1, -1], [0, 1]) == 0.0
    assert metrics.cllr([-1, 1], [0, 1]) < 1 < metrics.cllr([1, -1], [0, 1])
    assert metrics.probability(2.0) == pytest.approx(100 / 101)


def test_auc_by_hand() -> None:
    # of 16 pairs, -1.0 loses against -0.5 and 0.5
    assert metrics.auc(SCORES, LABELS) == 14 / 16
    assert metrics.auc([0, 0, 1], [0, 1, 1]) == 0.75  # a tie counts one half


def test_eer_by_hand() -> None:
    # flagging from 1.0: FPR 0, miss 1/4; from 0.5: FPR 1/4, miss 1/4
    assert metrics.eer(SCORES, LABELS) == 0.25
    assert metrics.eer([-1, 1], [0, 1]) == 0.0
    assert metrics.eer([0, 0], [0, 1]) == 0.5


def test_tpr_at_fpr_by_hand() -> None:
    assert metrics.tpr_at_fpr(SCORES, LABELS, 0.0) == (0.75, 0.0, 1.0)
    # FPR 0.3 cannot be reached exactly with four authentic images: 0.25 is, without a further detection
    assert metrics.tpr_at_fpr(SCORES, LABELS, 0.3) == (0.75, 0.25, 0.5)
    assert metrics.tpr_at_fpr(SCORES, LABELS, 0.5) == (1.0, 0.5, -1.0)
    assert metrics.tpr_at_fpr([1, -1], [0, 1], 0.01) == (0.0, 0.0, math.inf)


def test_cllr_by_hand() -> None:
    assert metrics.cllr([0, 0, 0], [0, 1, 1]) == pytest.approx(1.0)
    # LR 3 for the synthetic, 1/3 for the authentic: both cost log2(1 + 1/3)
    assert metrics.cllr([-math.log10(3), math.log10(3)], [0, 1]) == pytest.approx(math.log2(4 / 3))
    assert metrics.cllr([-400, 400], [0, 1]) == pytest.approx(0.0)


def test_min_cllr_by_hand() -> None:
    assert metrics.min_cllr([5, 6], [0, 1]) == 0.0  # separable, however badly calibrated
    assert metrics.min_cllr([6, 5], [0, 1]) == pytest.approx(
        1.0
    )  # reversed: the best monotone map is constant
    # PAV pools -1.0 (s), -0.5 (a), 0.5 (a): p = 1/3 for the pool, the rest is exact
    expected = (math.log2(3) / 4 + 2 * math.log2(3 / 2) / 4) / 2
    assert metrics.min_cllr(SCORES, LABELS) == pytest.approx(expected)


def test_ece_by_hand() -> None:
    p = 1 / (1 + 10**-0.3)  # 0.666: half of these are synthetic, so they are off by p - 1/2
    assert metrics.ece([0.3, 0.3], [0, 1]) == pytest.approx(p - 0.5)
    assert metrics.ece([-400, 400], [0, 1]) == pytest.approx(0.0)


def test_ece_does_not_depend_on_the_share_of_the_classes() -> None:
    few = metrics.ece(SCORES, LABELS)
    assert metrics.ece(SCORES + SCORES[4:] * 9, LABELS + LABELS[4:] * 9) == pytest.approx(few)


def test_cross_entropy_at_even_odds_is_cllr() -> None:
    assert metrics.cross_entropy(SCORES, LABELS, 0.0)[0] == pytest.approx(metrics.cllr(SCORES, LABELS))
    # an uninformative system costs the entropy of the prior
    assert metrics.cross_entropy([0, 0], [0, 1], math.log10(3))[0] == pytest.approx(0.811278, abs=1e-6)


def test_reliability_counts_every_image() -> None:
    stated, rate, n = metrics.reliability(SCORES, LABELS)
    assert n.sum() == len(SCORES)
    filled = n > 0
    assert np.isnan(stated[~filled]).all()
    assert ((rate[filled] >= 0) & (rate[filled] <= 1)).all()


@given(labelled())
def test_recalibrating_gives_the_minimum(data: tuple[list[float], list[int]]) -> None:
    best = metrics.recalibrated(*data)
    assert metrics.cllr(best, data[1]) == pytest.approx(metrics.min_cllr(*data), abs=1e-9)


def test_wilson_by_hand() -> None:
    # Newcombe 1998, table I: 81/263 gives 0.2553 to 0.3662; 0/20 gives 0 to 0.1611
    assert metrics.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert metrics.wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert metrics.wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("scores", "labels", "says"),
    [
        ([1, 2], [1, 1], "both"),
        ([1, math.nan], [0, 1], "NaN"),
        ([1], [0, 1], "1 scores"),
        ([1, 2], [0, 2], "0"),
    ],
)
def test_unusable_input_is_refused(scores: list[float], labels: list[int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        metrics.auc(scores, labels)


@given(labelled())
def test_auc_agrees_with_scikit_learn(data: tuple[list[float], list[int]]) -> None:
    assert metrics.auc(*data) == pytest.approx(roc_auc_score(data[1], data[0]))


@given(labelled())
def test_swapping_classes_and_sign_changes_nothing(data: tuple[list[float], list[int]]) -> None:
    scores, labels = data
    mirrored = [-s for s in scores], [1 - y for y in labels]
    for metric in (metrics.auc, metrics.eer, metrics.cllr, metrics.min_cllr, metrics.ece):
        # bins are half open, so only ECE may differ, and only where a probability sits on an edge
        if metric is metrics.ece and np.any(np.isclose(metrics.probability(scores) * 10 % 1, 0)):
            continue
        assert metric(*mirrored) == pytest.approx(metric(*data), abs=1e-9)


@given(labelled(), st.floats(0.1, 5), st.floats(-3, 3))
def test_order_measures_ignore_a_rising_map(
    data: tuple[list[float], list[int]], slope: float, offset: float
) -> None:
    scores, labels = data
    mapped = [s * slope + offset for s in scores]
    for metric in (metrics.auc, metrics.eer, metrics.min_cllr):
        assert metric(mapped, labels) == pytest.approx(metric(scores, labels), abs=1e-9)


@given(labelled())
def test_min_cllr_is_the_floor_of_cllr(data: tuple[list[float], list[int]]) -> None:
    assert -1e-12 <= metrics.min_cllr(*data) <= min(1.0, metrics.cllr(*data)) + 1e-9
    assert metrics.calibration_loss(*data) == pytest.approx(metrics.cllr(*data) - metrics.min_cllr(*data))


@given(labelled(), st.sampled_from([0.0, 0.001, 0.01, 0.05, 0.3, 1.0]))
def test_fpr_reached_never_exceeds_the_target(data: tuple[list[float], list[int]], target: float) -> None:
    tpr, fpr, threshold = metrics.tpr_at_fpr(*data, target)
    authentic, synthetic = metrics.split(*data)
    assert fpr <= target + 1e-12
    assert fpr == pytest.approx((authentic >= threshold).mean())
    assert tpr == pytest.approx((synthetic >= threshold).mean())


@settings(max_examples=25, deadline=None)
@given(labelled(), st.integers(0, 3))
def test_intervals_hold_their_shape_and_repeat(data: tuple[list[float], list[int]], seed: int) -> None:
    first = metrics.evaluate(*data, n_bootstrap=60, seed=seed)
    assert first == metrics.evaluate(*data, n_bootstrap=60, seed=seed)
    for estimate in first.values():
        assert estimate.low <= estimate.high
        assert (estimate.n_authentic, estimate.n_synthetic) == (data[1].count(0), data[1].count(1))


def test_blocks_do_not_change_the_replicates(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = metrics.evaluate(SCORES, LABELS, n_bootstrap=40, seed=5)
    monkeypatch.setattr(weighted, "_ENTRIES_A_BLOCK", 8 * 7)
    assert metrics.evaluate(SCORES, LABELS, n_bootstrap=40, seed=5) == whole


def test_replicates_agree_with_resampling_the_images() -> None:
    """A weight of k is the same as the image occurring k times, for every measure."""
    rng = np.random.default_rng(3)
    authentic, synthetic = rng.normal(-1, 1, 30).round(1), rng.normal(1, 1, 20).round(1)
    replicate = next(weighted.replicates(authentic, synthetic, 1, seed=1))
    repeated_a = np.repeat(authentic, replicate.authentic_weights[0].astype(int))
    repeated_s = np.repeat(synthetic, replicate.synthetic_weights[0].astype(int))
    scores, labels = np.concatenate([repeated_a, repeated_s]), np.repeat([0, 1], [30, 20])
    whole = {name: e.value for name, e in metrics.evaluate(scores, labels, n_bootstrap=1).items()}
    assert whole["cllr"] == pytest.approx(metrics.cllr(scores, labels))
    for name, value in metrics.measures(replicate).items():
        assert value[0] == pytest.approx(whole[name]), name


def test_the_interval_covers_the_true_auc() -> None:
    """Of 200 experiments with AUC Φ(√2) = 0.9214, about 95 % must have it in their interval."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [60, 60])
    covered = 0
    for k in range(200):
        scores = np.concatenate([rng.normal(-1, 1, 60), rng.normal(1, 1, 60)])
        data = weighted.replicates(*metrics.split(scores, labels), 200, seed=k)
        low, high = np.percentile(np.concatenate([area_under_roc(d) for d in data]), (2.5, 97.5))
        covered += low <= 0.92135 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_what_is_measured_is_called_as_the_tables_call_it() -> None:
    found = metrics.evaluate([-1.0, 0.5, 2.0, -0.2], [0, 0, 1, 1], n_bootstrap=10)
    rates = [f"{name}_{t}" for t in ("0.05", "0.01", "0.001") for name in ("tpr_at_fpr", "fpr_reached")]
    assert list(found) == ["auc", "eer", *rates, "cllr", "min_cllr", "calibration_loss", "ece"]
