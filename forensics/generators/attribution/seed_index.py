"""Where seeds lie, as an encoder sees them: a unit vector a seed, kept in the toolkit's home, made once a network.

A million seeds of 96 numbers are 192 MB and some minutes; the search over them takes a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.core.files import sha256_bytes, write_bytes
from forensics.core.home import home_folder
from forensics.core.terminal import progress
from forensics.core.untrusted import MAX_TABLE_BYTES, read_untrusted
from forensics.generators.base import Generator
from forensics.generators.inversion.encoders.file import Encoder
from forensics.generators.labels import chosen_labels

_BLOCK: Final = 1 << 16  # candidates whose vectors are one file
_BATCH: Final = 2048
_VERSION: Final = 2
_LEAST_LENGTH: Final = 1e-9

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SeedRange:
    """Candidates first … last. `rule`: own or nvidia. `over` seed: those seeds, image 0; index: images of `seed`."""

    rule: str
    first: int
    last: int
    over: str = "seed"
    seed: int = 0

    def __len__(self) -> int:
        return self.last - self.first + 1

    def of(self, number: int) -> Candidate:
        """The candidate of a number in the range."""
        if self.over == "index":
            return Candidate(self.rule, self.seed, number)
        return Candidate(self.rule, number, 0)


@dataclass(frozen=True)
class Candidate:
    """One latent that may have been drawn: image `index` of `seed` by a rule."""

    rule: str
    seed: int
    index: int

    def z(self, generator: Generator) -> Tensor:
        """float32 [1, z_dim], standard normal."""
        return generator.sample_z(1, self.seed, start=self.index, rule=self.rule)

    def w(self, generator: Generator) -> Tensor:
        """The untruncated w, float32 [1, w_dim], of the chosen class; any value."""
        return generator.map(self.z(generator))[:, 0]

    def noise(self, generator: Generator) -> list[Tensor]:
        """The maps that go with it where noise was random: as `forensics generate` and corpora draw them."""
        return generator.sample_noise(self.seed, [self.index])


class SeedIndex:
    """The unit vectors of ranges of seeds of one generator, as its encoder sees them."""

    def __init__(self, generator: Generator, encoder: Encoder) -> None:
        chosen_labels(generator, 0)
        self.generator, self.encoder = generator, encoder
        facts = f"{_VERSION} {generator.weights_sha256} {generator.chosen_class} {generator.device.type} "
        matrices = encoder.up.tobytes() + encoder.shrink.tobytes() + encoder.whiten.tobytes()
        self.folder = home_folder() / "seed-index" / sha256_bytes(facts.encode() + matrices)[:24]

    def nearest(
        self, directions: Floats, ranges: Sequence[SeedRange], count: int
    ) -> list[list[tuple[float, Candidate]]]:
        """For each unit vector [n, r] the `count` candidates of least angle, with the cosine, best first."""
        best: list[list[tuple[float, int, Candidate]]] = [[] for _ in directions]
        total = sum(len(one) for one in ranges)
        with progress("seeds", total) as meter:
            for one in ranges:
                for start, vectors in self._blocks(one):
                    cosines = vectors @ directions.T
                    for i, column in enumerate(cosines.T):
                        top = np.argpartition(column, -min(count, len(column)))[-count:]
                        entries = [(float(column[k]), start + int(k), one.of(start + int(k))) for k in top]
                        best[i] = sorted(best[i] + entries, key=lambda e: (-e[0], e[1]))[:count]
                    meter.advance(len(vectors))
        return [[(cosine, candidate) for cosine, _, candidate in entries] for entries in best]

    def _blocks(self, wanted: SeedRange) -> Iterator[tuple[int, Floats]]:
        """First number and vectors float32 [n, r] of each part of a range."""
        for start in range(wanted.first - wanted.first % _BLOCK, wanted.last + 1, _BLOCK):
            first, last = max(start, wanted.first), min(start + _BLOCK - 1, wanted.last)
            vectors = self._block(wanted, start, last - start + 1)
            yield first, vectors[first - start : last - start + 1].astype(np.float32)

    def _block(self, wanted: SeedRange, start: int, count: int) -> NDArray[np.float16]:
        """The first `count` or more vectors float16 [n, r] of a block, from the home or made and put there."""
        path = self.folder / f"{wanted.rule}-{wanted.over}-{wanted.seed}-{start:010d}.f16"
        kept = _recalled(path, len(self.encoder.up))
        if len(kept) >= count:
            return kept
        made = [
            kept,
            *(self._vectors(wanted, first, n) for first, n in _batches(start + len(kept), start + count)),
        ]
        vectors = np.concatenate(made)
        with suppress(OSError):  # a home that cannot be written costs computing again, not the work
            write_bytes(path, vectors.tobytes())
        return vectors

    @torch.inference_mode()
    def _vectors(self, wanted: SeedRange, first: int, count: int) -> NDArray[np.float16]:
        generator = self.generator
        if wanted.over == "index":
            z = generator.sample_z(count, wanted.seed, start=first, rule=wanted.rule)
        elif wanted.rule == "nvidia":
            z = generator.sample_z(count, first, rule="nvidia")
        else:
            z = torch.cat([generator.sample_z(1, seed) for seed in range(first, first + count)])
        offsets = (generator.map(z)[:, 0] - generator.w_avg).cpu().numpy()
        return unit(self.encoder.expected(offsets)).astype(np.float16)


def unit(vectors: Floats) -> Floats:
    """float32 [n, r] of length 1; those of length 0 stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.maximum(lengths, _LEAST_LENGTH)
    return unit


def _batches(first: int, end: int) -> Iterator[tuple[int, int]]:
    for start in range(first, end, _BATCH):
        yield start, min(_BATCH, end - start)


def _recalled(path: Path, width: int) -> NDArray[np.float16]:
    """What a file of the home holds: unit vectors float16 [n, width]; none where it is missing or damaged."""
    nothing = np.zeros((0, width), np.float16)
    try:
        data = read_untrusted(path, MAX_TABLE_BYTES).data
    except ForensicsError:
        return nothing
    if len(data) % (2 * width):
        return nothing
    vectors = np.frombuffer(data, np.float16).reshape(-1, width)
    lengths = np.linalg.norm(vectors.astype(np.float32), axis=1)
    return vectors if np.all(np.abs(lengths - 1) < 1e-2) else nothing
