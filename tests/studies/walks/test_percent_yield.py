"""Yield and confidence of walks, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from forensics.studies.walks.drift import drift, same_person_until
from forensics.studies.walks.percent_yield import (
    Outcome,
    along,
    block_length,
    histogram,
    network_interval,
    outcome_of,
    walk_interval,
)
from forensics.studies.walks.rows import WalkFace


def row(score: str, embedding: str, radius: str = "0.5") -> WalkFace:
    place = {"file": "", "sha256": "", "walk": 0, "position": 0, "radius": float(radius)}
    face = {"faces": 1, "score": float(score), "box": (), "landmarks": (), "pack": ""}
    return WalkFace(**place, **face, embedding=tuple(map(float, embedding.split())))  # type: ignore[arg-type]


def test_a_table_of_faces_as_arrays() -> None:
    rows = [row("0.9000", "3 4"), row("0.00", ""), row("0.8000", "0 2"), row("0.7000", "1 0", "1.5")]
    outcome = outcome_of(rows, walks=2)
    assert outcome.scores.tolist() == [[0.9, 0.0], [0.8, 0.7]]
    assert outcome.has_face.tolist() == [[1, 0], [1, 1]]
    assert outcome.radius[1, 1] == 1.5
    assert outcome.faces.tolist() == [0, 2, 3]
    np.testing.assert_allclose(outcome.embeddings, [[0.6, 0.8], [0, 1], [1, 0]])
    assert outcome.log10_lr is None


def test_no_face_anywhere() -> None:
    outcome = outcome_of([row("0.00", "")] * 4, walks=2)
    assert outcome.embeddings.size == 0
    assert np.isnan(drift(outcome)).all()
    assert network_interval(outcome.has_face, 0).value == 0


def test_walks_not_images_are_drawn() -> None:
    """Four walks of all or nothing are four observations, however many images they have."""
    values = np.repeat([[1.0], [1.0], [1.0], [0.0]], 500, axis=1)
    interval = network_interval(values, 0)
    assert interval.value == 0.75
    assert interval.low <= 0.25
    assert interval.high == 1.0
    many = network_interval(np.random.default_rng(0).permutation(values.ravel()).reshape(4, 500), 0)
    assert many.high - many.low < 0.12


def test_blocks_make_the_interval_of_a_walk_as_wide_as_its_runs_ask_for() -> None:
    runs = np.repeat([1.0, 0.0] * 10, 20)
    mixed = np.random.default_rng(1).permutation(runs)
    width = [interval.high - interval.low for interval in (walk_interval(runs, 0), walk_interval(mixed, 0))]
    assert width[1] == pytest.approx(2 * 1.96 * 0.5 / 400**0.5, rel=0.25)  # as of independent draws
    assert width[0] > 2 * width[1]
    assert block_length(400) == 20


def test_what_does_not_vary_has_an_interval_without_width() -> None:
    interval = walk_interval(np.full(37, 0.3), 5)
    assert interval.low == pytest.approx(0.3, abs=1e-9)
    assert interval.high == pytest.approx(0.3, abs=1e-9)
    assert network_interval(np.ones((1, 9)), 0).low == 1


def test_equal_seeds_equal_intervals() -> None:
    values = np.random.default_rng(2).random((5, 40))
    assert network_interval(values, 3) == network_interval(values, 3)
    assert network_interval(values, 3) != network_interval(values, 4)


def test_no_face_is_not_a_confidence() -> None:
    h = histogram(np.array([[0.0, 0.0, 0.512], [0.995, 1.0, 0.515]]))
    assert h.without == 2
    assert h.counts.sum() == 4
    assert h.counts[51] == 2
    assert h.counts[-1] == 2


def test_stretches_of_a_walk() -> None:
    middle, mean = along(np.arange(20.0).reshape(2, 10), bins=5)
    np.testing.assert_allclose(middle, [0.5, 2.5, 4.5, 6.5, 8.5])
    np.testing.assert_allclose(mean, middle + 5)
    assert len(along(np.zeros((1, 3)), bins=25)[0]) == 3


def test_drift_is_measured_to_the_first_face_of_the_walk() -> None:
    angle = np.deg2rad([10, 70, 0, 20])
    embeddings = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    scores = np.array([[0.0, 0.9, 0.9], [0.9, 0.0, 0.9]])
    outcome = Outcome(scores, np.zeros((2, 3)), np.array([1, 2, 3, 5]), embeddings)
    cosines = drift(outcome)
    np.testing.assert_allclose(cosines[0, 1:], [1, 0.5])
    assert np.isnan(cosines[0, 0])
    np.testing.assert_allclose(cosines[1, [0, 2]], [1, np.cos(np.deg2rad(20))])
    assert same_person_until(cosines) == [2, None]
