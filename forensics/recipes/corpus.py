"""The one loop that turns recipes into a corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.core.terminal import Meter
from forensics.corpus import CorpusWriter
from forensics.recipes.contract import Recipe, RecipeBatch


def write_corpus(out: Path, recipes: Sequence[Recipe[Any]], meter: Meter, *, command: str) -> int:
    """Make the recipes' images, one recipe after another, in corpus `out`; goes on where an earlier call was killed.

    Returns how many images were made now. Raises `CorpusError` where `out` holds a corpus made with other numbers.
    """
    made_now = 0
    with CorpusWriter(out, how_of(recipes, command)) as writer:
        meter.advance(writer.next_index)
        for chunk in writer.chunks(sum(recipe.count for recipe in recipes)):
            batch = _across(recipes, chunk)
            writer.add(batch.images, batch.rows, batch.latents, batch.masks)
            made_now += len(chunk)
            meter.advance(len(chunk))
        writer.finish()
    return made_now


def how_of(recipes: Sequence[Recipe[Any]], command: str) -> dict[str, object]:
    """What decides the bytes of a corpus, as its `corpus.json` has it."""
    listed = [{"recipe": recipe.name, "count": recipe.count, **recipe.how()} for recipe in recipes]
    return {"command": command, "recipes": listed}


def _across(recipes: Sequence[Recipe[Any]], chunk: Sequence[int]) -> RecipeBatch:
    """The images of a chunk that may span several recipes; the latents of an image that has none are NaN."""
    parts: list[RecipeBatch] = []
    first = 0
    for recipe in recipes:
        indices = [i - first for i in chunk if first <= i < first + recipe.count]
        if indices:
            parts.append(recipe.make(indices))
        first += recipe.count
    if len(parts) == 1:
        return parts[0]
    masks = [mask for p in parts for mask in (p.masks or [None] * len(p.rows))]
    return RecipeBatch(
        [image for p in parts for image in p.images],
        [row for p in parts for row in p.rows],
        _latents(parts),
        masks if any(mask is not None for mask in masks) else (),
    )


def _latents(parts: Sequence[RecipeBatch]) -> Mapping[str, NDArray[np.float32]]:
    shapes = {name: array.shape[1:] for p in parts for name, array in p.latents.items()}
    return {
        name: np.concatenate(
            [p.latents.get(name, np.full((len(p.rows), *shape), np.nan, np.float32)) for p in parts]
        )
        for name, shape in shapes.items()
    }
