"""Families: what a row of a corpus, and the words of a foreign tree, say of an image."""

from __future__ import annotations

from typing import Any

import pytest

from forensics.corpus import Row
from forensics.corpus.families import family_of


def _row(label: int, source: str, recipe: str | None = None, **params: Any) -> Row:
    return Row(label=label, source=source, recipe=recipe, params=params)


@pytest.mark.parametrize(
    ("source", "generator", "family"),
    [
        ("stylegan3", "", "sampled:gan"),
        ("web/set1", "stable-diffusion-2.1", "sampled:diffusion"),
        ("sd21", "", "sampled:diffusion"),
        ("sdxl-flux-dalle", "", "sampled:diffusion"),
        ("fake_taef2", "", "sampled:diffusion"),
        ("fake", "DALL-E 3", "sampled:diffusion"),
        ("influx", "", "sampled:gan"),
        ("passed21", "", "sampled:gan"),
    ],
)
def test_words_of_a_foreign_tree(source: str, generator: str, family: str) -> None:
    assert family_of(_row(1, source, generator=generator)) == family


def test_a_photograph_is_authentic_whatever_its_folder_is_called() -> None:
    assert family_of(_row(0, "sd21")) == "authentic"


@pytest.mark.parametrize(
    ("recipe", "family"),
    [
        ("sampled", "sampled:gan"),
        ("walked", "sampled:gan"),
        ("inverted", "reconstructed"),
        ("swapped", "swapped"),
    ],
)
def test_a_recipe_says_it_before_any_word(recipe: str, family: str) -> None:
    assert family_of(_row(1, "flux", recipe)) == family
