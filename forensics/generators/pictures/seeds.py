"""Seeds as a person lists them, and the latent and noise that each stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.generators.base import Generator, Noise

MOST_SEEDS: Final = 100_000
SEED_RULES: Final = ("own", "nvidia")
NOISES: Final = ("const", "random", "none")
_HIGHEST: Final = 2**32 - 1  # NumPy's RandomState takes no more
_PART: Final = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")


def read_seeds(text: str) -> tuple[int, ...]:
    """The seeds of a list such as `0-35,44,78`, in its order, each once. ForensicsError: it is no such list."""
    seeds: dict[int, None] = {}
    for part in text.replace(" ", "").split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ForensicsError(f"--seeds {text!r}: give numbers and ranges such as 0-35,44,78")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last <= _HIGHEST or last - first >= MOST_SEEDS or len(seeds) >= MOST_SEEDS:
            raise ForensicsError(
                f"--seeds {part}: give at most {MOST_SEEDS} rising seeds from 0 to {_HIGHEST}"
            )
        seeds |= dict.fromkeys(range(first, last + 1))
    return tuple(seeds)


@dataclass(frozen=True)
class Drawing:
    """What a seed stands for: `seed_rule` own (z of (seed, 0)) or nvidia (RandomState(seed)); psi; noise.

    The picture of a seed is made alone in its batch, so that it never depends on the other seeds.
    """

    psi: float = 0.7
    seed_rule: str = "own"
    noise: str = "const"

    def check(self) -> None:
        """ForensicsError, one line: no such rule, noise or psi."""
        for option, value, choices in (
            ("seed-rule", self.seed_rule, SEED_RULES),
            ("noise", self.noise, NOISES),
        ):
            if value not in choices:
                raise ForensicsError(f"no {option} {value!r}: choose one of {', '.join(choices)}")
        if not -10 <= self.psi <= 10:
            raise ForensicsError(f"psi {self.psi:g} is not -10 to 10")

    def z(self, generator: Generator, seed: int) -> Tensor:
        """float32 [1, z_dim], standard normal."""
        return generator.sample_z(1, seed, rule=self.seed_rule)

    def ws(self, generator: Generator, seed: int) -> Tensor:
        """float32 [1, num_ws, w_dim] at `psi`, any value; the generator's chosen class."""
        return generator.map(self.z(generator, seed), psi=self.psi)

    def noise_of(self, generator: Generator, seed: int) -> Noise:
        """What `synthesize` takes: "const" or "none", or the maps of this seed, as `forensics explore` draws them."""
        return generator.sample_noise(seed, [0]) if self.noise == "random" else self.noise

    @torch.inference_mode()
    def image(self, generator: Generator, seed: int) -> Tensor:
        """float32 [1, c, H, W], nominally in [-1, 1]."""
        return generator.synthesize(self.ws(generator, seed), self.noise_of(generator, seed))
