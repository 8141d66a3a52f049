"""The shape of a recipe, and the one loop that turns a recipe into a corpus."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from forensics.core.terminal import Meter
from forensics.corpus import CorpusWriter
from forensics.generators.base import Generator


@dataclass(frozen=True)
class Made:
    """Some images of a recipe: uint8 [n, H, W, 3], one manifest row each, and their latents, arrays of n rows."""

    images: np.ndarray
    rows: list[dict[str, Any]]
    latents: dict[str, np.ndarray]


class Plan(ABC):
    """A recipe with all its numbers fixed. Image `index` depends on the plan and the index alone."""

    name: ClassVar[str]
    count: int

    @abstractmethod
    def how(self) -> dict[str, Any]:
        """Every number that decides the bytes that come out, JSON-able."""

    @abstractmethod
    def make(self, indices: Sequence[int]) -> Made:
        """The images at `indices`."""


def noise_for(generator: Generator, mode: str, seed: int, indices: Sequence[int]) -> str | list[Tensor]:
    """The noise argument of `synthesize`: "const" and "none" as they are, "random" drawn from (seed, index)."""
    return generator.sample_noise(seed, indices) if mode == "random" else mode


def blocks(generator: Generator, indices: Sequence[int]) -> Iterator[tuple[range, list[int]]]:
    """The blocks of consecutive indices that hold `indices` (ascending), each with the places wanted in it.

    A network's last bits depend on the size of its batch. Every image is therefore always made in the one block
    that its index falls into, in full, whatever else is asked for: how a corpus is cut or how large it is leaves
    no trace in the bytes.
    """
    size = 10 if generator.img_resolution <= 256 else 5 if generator.img_resolution <= 512 else 2
    wanted: dict[int, list[int]] = {}
    for i in indices:
        wanted.setdefault(int(i) // size, []).append(int(i) % size)
    for block, places in wanted.items():
        yield range(block * size, (block + 1) * size), places


def generator_how(generator: Generator) -> dict[str, Any]:
    """What a corpus says of the network it came from."""
    return {"generator": generator.source, "generator_sha256": generator.weights_sha256}


def write_corpus(out: Path, plans: Sequence[Plan], meter: Meter, *, command: str) -> dict[str, Any]:
    """Make the plans' images, one plan after another, in corpus `out`; goes on where an earlier call was killed.

    Returns {images, made_now}. Raises `CorpusError` where `out` holds a corpus made with other numbers.
    """
    how = {"command": command, "recipes": [{"recipe": p.name, "count": p.count, **p.how()} for p in plans]}
    total = sum(p.count for p in plans)
    made_now = 0
    with CorpusWriter(out, how) as writer:
        meter.advance(writer.next_index)
        for chunk in writer.chunks(total):
            made = _across(plans, chunk)
            writer.add(made.images, made.rows, made.latents)
            made_now += len(chunk)
            meter.advance(len(chunk))
        writer.finish()
    return {"corpus": str(out), "images": total, "made_now": made_now}


def _across(plans: Sequence[Plan], chunk: Sequence[int]) -> Made:
    """The images of a chunk that may span several plans; the latents of an image that has none are NaN."""
    parts: list[Made] = []
    first = 0
    for plan in plans:
        own = [i - first for i in chunk if first <= i < first + plan.count]
        if own:
            parts.append(plan.make(own))
        first += plan.count
    if len(parts) == 1:
        return parts[0]
    shapes = {name: array.shape[1:] for p in parts for name, array in p.latents.items()}
    latents = {
        name: np.concatenate(
            [p.latents.get(name, np.full((len(p.rows), *shape), np.nan, np.float32)) for p in parts]
        )
        for name, shape in shapes.items()
    }
    return Made(np.concatenate([p.images for p in parts]), [r for p in parts for r in p.rows], latents)
