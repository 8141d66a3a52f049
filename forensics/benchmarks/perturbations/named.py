"""Perturbations by name: `jpeg70`, `resize75`, `blur1.5`; a bare name (`jpeg`) draws its strength for each image.

What is drawn depends on (seed, name, sha256 of the file) alone, never on the label, the order or the company, so both
classes are treated alike and a run can be repeated; every draw is returned to be kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from forensics.benchmarks.perturbations.contract import Draws, PerturbationMethod, Pixels
from forensics.core.errors import ForensicsError
from forensics.core.registry import method, methods

UNCHANGED: Final = "none"
_NAME: Final = re.compile(r"([a-z]+)(\d+(?:\.\d+)?)?")


@dataclass(frozen=True)
class Perturbation:
    """The name of a method and its strength; None: drawn for each image."""

    kind: str
    strength: float | None

    @property
    def name(self) -> str:
        """The name it is asked for by, such as jpeg70."""
        return self.kind if self.strength is None else f"{self.kind}{self.strength:g}"

    @property
    def method(self) -> PerturbationMethod:
        """What is done."""
        found: PerturbationMethod = method("perturbation", self.kind).target()
        return found

    @property
    def meaning(self) -> str:
        """What is done, in words."""
        low, high = self.method.drawn
        drawn = f"{low:g}" if low == high else f"drawn from {low:g} to {high:g} for each image"
        return f"{self.method.meaning} ({drawn if self.strength is None else f'{self.strength:g}'})"

    def strength_for(self, rng: np.random.Generator) -> float:
        """Its strength, or one that is drawn."""
        if self.strength is not None:
            return self.strength
        low, high = self.method.drawn
        whole = self.method.whole
        return (
            float(rng.integers(int(low), int(high) + 1)) if whole else round(float(rng.uniform(low, high)), 2)
        )


def parse(names: str) -> tuple[Perturbation, ...]:
    """Perturbations from comma-separated names (`jpeg70,resize75,blur`), each once. ForensicsError: unknown name."""
    return tuple(dict.fromkeys(_parse_one(name.strip()) for name in names.split(",") if name.strip()))


def _parse_one(name: str) -> Perturbation:
    match = _NAME.fullmatch(name)
    kinds = [one.name for one in methods("perturbation")]
    if match is None or match[1] not in kinds:
        raise ForensicsError(
            f"unknown perturbation {name!r}: one of {', '.join(kinds)}, with a strength as in jpeg70"
        )
    perturbation = Perturbation(match[1], None if match[2] is None else float(match[2]))
    _check_strength(name, perturbation)
    return perturbation


def _check_strength(name: str, perturbation: Perturbation) -> None:
    chosen, strength = perturbation.method, perturbation.strength
    low, high = chosen.allowed
    if strength is None:
        return
    if low == high or not low <= strength <= high or (chosen.whole and strength != int(strength)):
        number = "a whole number" if chosen.whole else "a number"
        raise ForensicsError(
            f"perturbation {name!r}: {perturbation.kind} takes {number} from {low:g} to {high:g} ({chosen.meaning})"
        )


def perturb(pixels: Pixels, perturbation: Perturbation, *, seed: int, sha256: str) -> tuple[Pixels, Draws]:
    """The perturbed image uint8 [h, w, 3] of uint8 [H, W, 3], and everything that was drawn or fixed.

    `sha256` (hex) is that of the image's file.
    Values in [0, 255].
    """
    name = int.from_bytes(perturbation.name.encode(), "big")
    rng = np.random.default_rng([seed, name, int(sha256, 16)])
    return perturbation.method.apply(pixels, perturbation.strength_for(rng), rng)
