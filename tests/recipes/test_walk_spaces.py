"""Walks in W+ and S, and what a walk keeps of its points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.core.errors import ForensicsError
from forensics.corpus import Corpus
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.base import Generator
from forensics.generators.w_statistics import s_statistics, w_statistics
from forensics.recipes.contract import RecipeInputs
from forensics.recipes.run import CorpusOptions, make_corpus
from forensics.recipes.walked import Walk
from tests.recipes.conftest import CONFIG


def test_every_layer_of_a_walk_in_w_plus_steps_on_its_own(generator: Generator) -> None:
    chain = Walk(generator, length=300, step=0.02, space="w+").chain(0)
    assert chain.shape == (300, generator.num_ws, generator.w_dim)
    torch.testing.assert_close(chain[0], w_statistics(generator).mean.expand(generator.num_ws, -1))
    steps = chain[1:] - chain[:-1]
    assert float(steps.std()) == pytest.approx(0.02, rel=0.03)
    layers = steps.permute(1, 0, 2).flatten(1)
    off_diagonal = torch.corrcoef(layers)[~torch.eye(len(layers), dtype=torch.bool)]
    assert float(off_diagonal.abs().max()) < 0.08


def test_steps_in_s_are_in_standard_deviations_of_each_style(generator: Generator) -> None:
    s = s_statistics(generator)
    chain = Walk(generator, length=800, step=0.05, space="s").chain(0)
    assert chain.shape == (800, generator.s_dim)
    torch.testing.assert_close(chain[0], s.centre)
    measured = (chain[1:] - chain[:-1]).std(dim=0) / s.spread
    assert float(measured.mean()) == pytest.approx(0.05, rel=0.01)
    assert 0.04 < float(measured.min()) < float(measured.max()) < 0.06


@pytest.mark.parametrize(("space", "name"), [("w", "w"), ("z", "w"), ("w+", "ws"), ("s", "s")])
def test_the_kept_latents_make_the_image_again(generator: Generator, space: str, name: str) -> None:
    made = Walk(generator, length=10, step=0.2, space=space, seed=3).make(range(10))
    assert list(made.latents) == [name]
    points = torch.from_numpy(made.latents[name])
    ws = points[:, None].expand(-1, generator.num_ws, -1) if name == "w" else points
    x = generator.synthesize_from_styles(points) if name == "s" else generator.synthesize(ws)
    assert np.array_equal(generator.to_uint8(x), made.images)
    radii = [row.params["radius"] for row in made.rows]
    statistics = s_statistics(generator) if name == "s" else w_statistics(generator)
    np.testing.assert_allclose(radii, statistics.radius(points), atol=2e-6)
    assert (space == "z") == (radii[0] > 0.01)
    assert {row.params["step"] for row in made.rows} == {0.2}


@pytest.mark.parametrize("space", ["w+", "s"])
def test_chunking_leaves_no_trace(generator: Generator, space: str) -> None:
    walk = Walk(generator, length=7, walks=3, step=0.1, space=space, direction="momentum")
    whole = walk.make(range(21))
    parts = [walk.make(range(k, min(k + 8, 21))) for k in range(0, 21, 8)]
    assert np.array_equal(np.concatenate([p.images for p in parts]), whole.images)
    assert [r for p in parts for r in p.rows] == whole.rows


def test_a_corpus_of_a_walk_in_s(weights: Path, tmp_path: Path) -> None:
    inputs = RecipeInputs(12, 0, str(weights), "cpu")
    make_corpus(CorpusOptions(tmp_path / "s", inputs, "walked", {"step": "0.05", "space": "s"}))
    opened = Corpus.open(tmp_path / "s")
    assert opened.verify() == []
    assert opened.latents(0)["s"].shape[0] == 12
    assert opened.manifest[0].params["space"] == "s"


def test_classes_of_a_walk_in_z_go_by_walk() -> None:
    torch.manual_seed(1)
    network = StyleGAN2Generator(**CONFIG, c_dim=2).eval().requires_grad_(False)
    walk = Walk(network, length=3, walks=2, space="z", seed=5)
    for k in range(2):
        expected = network.map(network.sample_z(1, 5, start=k), torch.eye(2)[k : k + 1])[:, 0]
        torch.testing.assert_close(walk.chain(k)[:1], expected, rtol=1e-4, atol=1e-5)


def test_a_step_that_is_no_number(generator: Generator) -> None:
    with pytest.raises(ForensicsError, match="nan"):
        Walk(generator, step=float("nan"))
