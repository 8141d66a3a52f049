"""How far two sets of pictures agree: against plain formulas, and without bias where they were drawn together."""

from __future__ import annotations

import numpy as np
import pytest

from forensics.metrics.kid import kid
from tools.ffhq_heads.agreement import cosine_difference, mean_cosines, mean_of, paired_kid, psnr_db


def test_psnr_of_a_known_error() -> None:
    picture = np.full((2, 4, 4, 3), 100, np.uint8)
    changed = picture.copy()
    changed[1] += 10
    with np.errstate(divide="ignore"):
        assert list(psnr_db(picture, changed)) == [np.inf, pytest.approx(20 * np.log10(25.5))]


def test_paired_kid_is_zero_on_average_where_sets_share_their_latents_and_sees_a_shift() -> None:
    rng = np.random.default_rng(0)
    values = []
    for _ in range(60):
        shared = rng.standard_normal((40, 8))
        x, y = (shared + 0.3 * rng.standard_normal((40, 8)) for _ in range(2))
        values.append(paired_kid(x, y).value)
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values)) + 1e-9
    shifted = paired_kid(x, y + 0.5)
    assert shifted.low > 0
    assert shifted.low <= shifted.value <= shifted.high


def test_paired_kid_is_kid_where_sets_are_independent() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((400, 8)), rng.standard_normal((400, 8)) + 0.5
    expected, _ = kid(x, y, subset=399)
    assert paired_kid(x, y).value == pytest.approx(expected, rel=0.05)


def test_mean_cosines_are_those_of_pairs_and_faces_that_were_not_found_are_left_out() -> None:
    rng = np.random.default_rng(2)
    faces = rng.standard_normal((6, 5))
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    faces[2] = np.nan
    others = np.delete(faces, 2, axis=0)
    pairs = (others @ others.T)[np.triu_indices(5, 1)]
    means = mean_cosines(faces)
    assert np.isnan(means[2])
    assert np.nanmean(means) == pytest.approx(pairs.mean())
    assert cosine_difference(faces, faces).value == 0
    turned = np.abs(faces)
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    alike = np.delete(turned, 2, axis=0)
    expected = (alike @ alike.T)[np.triu_indices(5, 1)].mean() - pairs.mean()
    assert cosine_difference(turned, faces).value == pytest.approx(expected, abs=1e-4)


def test_an_interval_holds_the_mean_and_narrows_with_n() -> None:
    rng = np.random.default_rng(3)
    few, many = mean_of(rng.standard_normal(20)), mean_of(rng.standard_normal(2000))
    for one in (few, many):
        assert one.low < one.value < one.high
    assert many.high - many.low < few.high - few.low
