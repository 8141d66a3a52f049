"""Pools: none on both sides of a split, the same share of every source."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.corpus.pools.pool import Pool, split_pool


def _pool(sources: list[str]) -> Pool:
    n = len(sources)
    images = tuple(np.full((8, 8, 3), i % 256, np.uint8) for i in range(n))
    labels = np.array([source != "real" for source in sources], np.int64)
    return Pool(images, labels, tuple(sources), tuple(f"{i:064x}" for i in range(n)))


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(2, 60), st.floats(0.05, 0.6), st.integers(0, 99))
def test_a_split_is_disjoint_whole_and_stratified(n_real: int, n_fake: int, share: float, seed: int) -> None:
    pool = _pool(["real"] * n_real + ["fake"] * n_fake)
    rest, held = split_pool(pool, share, seed)
    assert not set(rest.sha256) & set(held.sha256)
    assert sorted(rest.sha256 + held.sha256) == sorted(pool.sha256)
    for source, n in (("real", n_real), ("fake", n_fake)):
        assert 1 <= held.counts()[source] <= n - 1
        assert abs(held.counts()[source] - share * n) <= 1


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(24)), st.integers(0, 99))
def test_a_split_does_not_depend_on_order_nor_on_other_sources(order: list[int], seed: int) -> None:
    pool = _pool(["real"] * 12 + ["fake"] * 12)
    held = set(split_pool(pool, 0.25, seed)[1].sha256)
    assert set(split_pool(pool.take(order), 0.25, seed)[1].sha256) == held
    only_real = pool.take(range(12))
    assert set(split_pool(only_real, 0.25, seed)[1].sha256) == {s for s in held if int(s, 16) < 12}


def test_at_most_takes_the_same_images_whatever_the_order() -> None:
    pool = _pool(["real"] * 5 + ["fake"] * 3)
    kept = pool.at_most(2)
    assert kept.counts() == {"fake": 2, "real": 2}
    again = pool.take(range(len(pool) - 1, -1, -1)).at_most(2)
    assert sorted(again.sha256) == sorted(kept.sha256)
    assert len(pool.at_most(99)) == len(pool)
