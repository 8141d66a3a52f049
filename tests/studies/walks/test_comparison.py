"""Permutation tests between networks: walks are exchanged, not images."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test

from forensics.studies.walks.comparison import compare, holm, permutation_p
from forensics.studies.walks.percent_yield import Outcome


def outcome(scores: np.ndarray) -> Outcome:
    return Outcome(scores, np.zeros_like(scores), np.zeros(0, dtype=int), np.zeros((0, 0)))


def test_all_divisions_of_few_walks() -> None:
    """Three against three, told apart whole: 2 of 20 divisions are as extreme."""
    p, exact = permutation_p(np.array([0.1, 0.2, 0.3]), np.array([0.7, 0.8, 0.9]), 0)
    assert p == pytest.approx(2 / 20)
    assert exact
    assert permutation_p(np.array([0.7, 0.8, 0.9]), np.array([0.1, 0.2, 0.3]), 0)[0] == p


def test_equal_networks_do_not_differ() -> None:
    assert permutation_p(np.ones(4), np.ones(4), 0) == (1.0, True)
    same = np.array([0.2, 0.5, 0.8])
    assert permutation_p(same, same, 0)[0] == 1.0


def test_drawn_divisions_where_there_are_too_many() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random(12), rng.random(12) + 0.5
    p, exact = permutation_p(a, b, 1)
    assert not exact
    peer = permutation_test((a, b), lambda x, y: x.mean() - y.mean(), n_resamples=20_000, rng=2).pvalue
    assert p == pytest.approx(peer, abs=0.002)
    assert permutation_p(a, b, 1)[0] == p


def test_p_of_networks_that_do_not_differ_is_even() -> None:
    rng = np.random.default_rng(3)
    p = [permutation_p(rng.random(4), rng.random(4), 0)[0] for _ in range(200)]
    assert 0.02 < np.mean(np.array(p) <= 0.1) < 0.18
    assert 0.4 < np.mean(p) < 0.66


def test_images_of_a_walk_are_one_observation() -> None:
    """Ten times as many images a walk leave the p value as it was."""
    rng = np.random.default_rng(1)
    few = {name: outcome(rng.random((4, 1)) + (name == "b")) for name in "ab"}
    many = {name: outcome(np.repeat(o.scores, 10, axis=1)) for name, o in few.items()}
    assert [c.p for c in compare(few, 0)] == [c.p for c in compare(many, 0)]


def test_every_pair_on_every_measure() -> None:
    rng = np.random.default_rng(2)
    scores = {
        "a": rng.random((4, 9)),
        "b": rng.random((4, 9)) * (rng.random((4, 9)) > 0.5),
        "c": np.ones((4, 9)),
    }
    found = compare({name: outcome(s) for name, s in scores.items()}, 0)
    assert [(c.a, c.b, c.measure) for c in found] == [
        (a, b, m) for a, b in (("a", "b"), ("a", "c"), ("b", "c")) for m in ("yield", "confidence")
    ]
    first = found[0]
    assert first.mean_a == pytest.approx((scores["a"] > 0).mean())
    assert first.difference == pytest.approx(first.mean_b - first.mean_a)
    assert first.p_least == pytest.approx(2 / 70)
    assert all(c.p_least <= c.p <= c.p_holm <= 1 for c in found)
    assert found[2].p == 1.0


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
