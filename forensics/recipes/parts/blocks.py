"""Images of a generator in fixed blocks, so that how a corpus is cut leaves no trace in the bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from torch import Tensor

from forensics.generators.base import Generator

NOISES: Final = ("const", "random", "none")


def noise_for(generator: Generator, mode: str, seed: int, indices: Sequence[int]) -> str | list[Tensor]:
    """The noise argument of `synthesize`: "const" and "none" as they are, "random" drawn from (seed, index).

    Maps are float32 [n, 1, h, w], normal with mean 0.
    """
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


def generator_how(generator: Generator) -> dict[str, str | int]:
    """What a corpus says of the network it came from, and of its class where it has any."""
    how: dict[str, str | int] = {"generator": generator.source, "generator_sha256": generator.weights_sha256}
    return how | class_of(generator)


def class_of(generator: Generator) -> dict[str, int]:
    """The chosen class of a conditional network under the name `class`; nothing where none is chosen."""
    return {} if generator.chosen_class is None else {"class": generator.chosen_class}
