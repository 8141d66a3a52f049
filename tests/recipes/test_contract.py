"""Every registered recipe keeps the contract: its words, its rows, its settings, and images that depend on i alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forensics.core.errors import ForensicsError
from forensics.core.registry import Method, methods
from forensics.corpus import Corpus
from forensics.corpus.rows import FAMILIES
from forensics.recipes.contract import Recipe, RecipeInputs
from forensics.recipes.run import CorpusOptions, make_corpus

RECIPES = methods("recipe")
N = 4


@pytest.fixture
def inputs(weights: Path, photographs: Path) -> RecipeInputs:
    return RecipeInputs(N, 3, str(weights), "cpu", photographs)


def planned(method: Method, inputs: RecipeInputs) -> Recipe[Any]:
    recipe: type[Recipe[Any]] = method.target
    return recipe.planned(inputs, recipe.settings())


@pytest.mark.parametrize("method", RECIPES, ids=lambda m: m.name)
def test_words_and_numbers(method: Method, inputs: RecipeInputs) -> None:
    recipe = planned(method, inputs)
    assert method.target.name == method.name
    assert recipe.family in FAMILIES
    assert recipe.count == N
    assert recipe.resolution > 0
    assert method.card.defaults == asdict(recipe.settings())
    json.dumps(recipe.how(), allow_nan=False)
    assert all(len(sha256) == 64 for sha256 in recipe.inputs().values())


@pytest.mark.parametrize("method", RECIPES, ids=lambda m: m.name)
def test_an_image_depends_on_its_index_alone(method: Method, inputs: RecipeInputs) -> None:
    recipe = planned(method, inputs)
    whole, again = recipe.make(range(N)), planned(method, inputs)
    for i in (3, 1):
        alone = again.make([i])
        assert np.array_equal(alone.images[0], whole.images[i])
        assert alone.rows[0] == whole.rows[i]
        assert all(np.array_equal(v[0], whole.latents[name][i]) for name, v in alone.latents.items())
    for image, row in zip(whole.images, whole.rows, strict=True):
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert (row.recipe, row.family) == (method.name, recipe.family)
        assert row.label == (recipe.family != "authentic")
        assert bool(row.parents) == recipe.of_photographs


@pytest.mark.parametrize("method", RECIPES, ids=lambda m: m.name)
def test_a_corpus_by_name(method: Method, inputs: RecipeInputs, tmp_path: Path) -> None:
    summary = make_corpus(CorpusOptions(tmp_path / "out", inputs, method.name))
    corpus = Corpus.open(tmp_path / "out")
    assert corpus.verify() == []
    of_recipe = [row for row in corpus.manifest if row.recipe == method.name]
    assert len(of_recipe) >= N
    assert summary.images == len(corpus)
    with pytest.raises(ForensicsError, match="has no setting 'nothing'"):
        make_corpus(CorpusOptions(tmp_path / "none", inputs, method.name, {"nothing": "1"}))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("method", [m for m in RECIPES if m.target.of_photographs], ids=lambda m: m.name)
def test_a_bad_photograph_is_passed_over(
    method: Method, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = tmp_path / "real"
    real.mkdir()
    for path in sorted(photographs.iterdir())[:3]:
        (real / path.name).write_bytes(path.read_bytes())
    (real / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (real / "empty.jpg").touch()
    inputs = RecipeInputs(9, photographs=real)
    summary = make_corpus(CorpusOptions(tmp_path / "out", inputs, method.name))
    assert summary.images == 3
    assert sorted(Path(failure.path).name for failure in summary.rejected) == ["0.png", "empty.jpg"]
    assert "empty.jpg" in capsys.readouterr().err
    with pytest.raises(ForensicsError, match="--real"):
        make_corpus(CorpusOptions(tmp_path / "none", RecipeInputs(9), method.name))
