"""Walks: where they start, how they step, and that a row says where it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from forensics.core.errors import ForensicsError
from forensics.generators.base import Generator
from forensics.generators.w_statistics import w_statistics
from forensics.recipes.walked import Walk, step_directions


def test_a_walk_in_w_starts_at_the_mean_of_10000_ws(generator: Generator) -> None:
    walk = Walk(generator, length=5, walks=2)
    w = torch.cat([generator.map(generator.sample_z(2500, start=k))[:, 0] for k in range(0, 10_000, 2500)])
    for k in range(2):
        torch.testing.assert_close(walk.chain(k)[0], w.mean(dim=0), rtol=1e-4, atol=1e-5)
    assert walk.statistics.mean_distance == pytest.approx(
        float((w - w.mean(dim=0)).norm(dim=1).mean()), rel=1e-4
    )
    assert walk.statistics.n == 10_000


def test_steps_have_the_size_asked(generator: Generator) -> None:
    """Each coordinate of a step is N(0, step^2)."""
    chain = Walk(generator, length=600, step=0.02).chain(0)
    steps = (chain[1:] - chain[:-1]).flatten()
    assert float(steps.std()) == pytest.approx(0.02, rel=0.03)
    assert abs(float(steps.mean())) < 0.001


def test_radius_is_the_distance_in_units_of_the_mean_distance(generator: Generator) -> None:
    walk = Walk(generator, length=30, walks=2, step=0.05, seed=2)
    made = walk.make(range(60))
    statistics = w_statistics(generator)
    expected = np.linalg.norm(made.latents["w"] - statistics.mean.numpy(), axis=1) / statistics.mean_distance
    found = [row.params["radius"] for row in made.rows]
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert found[0] == found[30] == 0.0
    assert found[29] > found[1] > 0
    assert [(r.params["walk"], r.params["position"]) for r in made.rows[29:31]] == [(0, 29), (1, 0)]


def test_walks_differ_and_the_first_is_the_same_however_many_follow(generator: Generator) -> None:
    one, three = Walk(generator, length=12, seed=1), Walk(generator, length=12, walks=3, seed=1)
    assert torch.equal(one.chain(0), three.chain(0))
    assert not torch.equal(three.chain(1), three.chain(2))
    assert np.array_equal(one.make([11]).images, three.make([11]).images)


def test_chunking_leaves_no_trace(generator: Generator) -> None:
    walk = Walk(generator, length=7, walks=4, step=0.1, noise="random")
    whole = walk.make(range(28))
    parts = [walk.make(range(k, min(k + 9, 28))) for k in range(0, 28, 9)]
    assert np.array_equal(np.concatenate([p.images for p in parts]), whole.images)
    assert [r for p in parts for r in p.rows] == whole.rows


def test_direction_models() -> None:
    gaussian = step_directions("gaussian", 400, 64, 0, 0)
    momentum = step_directions("momentum", 400, 64, 0, 0)
    fixed = step_directions("fixed", 400, 64, 0, 0)
    correlation = [float((d[1:] * d[:-1]).mean()) for d in (gaussian, momentum, fixed)]
    assert correlation[0] == pytest.approx(0, abs=0.03)
    assert correlation[1] == pytest.approx(0.9, abs=0.1)
    assert (fixed == fixed[0]).all()
    for directions in (gaussian, momentum):
        assert float(directions.std()) == pytest.approx(1, abs=0.06)
    assert not np.array_equal(gaussian, step_directions("gaussian", 400, 64, 0, 1))
    assert np.array_equal(gaussian[:10], step_directions("gaussian", 10, 64, 0, 0))


def test_a_walk_in_z_starts_at_its_own_latent(generator: Generator) -> None:
    walk = Walk(generator, length=4, walks=2, space="z", step=0.1, seed=7)
    expected = generator.map(generator.sample_z(2, seed=7))[:, 0]
    torch.testing.assert_close(walk.chain(0)[0], expected[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(walk.chain(1)[0], expected[1], rtol=1e-4, atol=1e-5)
    assert not torch.equal(walk.chain(0)[0], walk.chain(0)[1])


@pytest.mark.parametrize("options", [{"space": "q"}, {"direction": "north"}])
def test_unknown_names(generator: Generator, options: dict[str, str]) -> None:
    with pytest.raises(ForensicsError, match="choose"):
        Walk(generator, **options)
