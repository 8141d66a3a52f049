"""What one picture is made of. Everything that comes from outside goes through `Settings.parse` first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from forensics.core.errors import ForensicsError

NOISES: Final = ("const", "random", "none")
DIRECTIONS: Final = ("gaussian", "momentum")
MAX_SEED: Final = 2**32 - 1
MAX_MOVES: Final = 64
MAX_LEGS: Final = 200
MAX_STEPS: Final = 10_000
# The sliders are narrower: a number typed in may go this far.
PSI: Final = (-2.0, 2.0)
DELTA: Final = (-1000.0, 1000.0)
NOISE_STRENGTH: Final = (0.0, 10.0)
THRESHOLD: Final = (0.0, 1000.0)
STEP: Final = (0.0, 10.0)


@dataclass(frozen=True)
class LatentShape:
    """What a generator offers to choose from: layers of W+, dimensions of w, classes (0: none)."""

    num_ws: int
    w_dim: int
    c_dim: int = 0


@dataclass(frozen=True)
class PictureWalk:
    """A walk through W: `legs` are (step, how many steps), taken in the directions of `seed`, one after another."""

    seed: int = 0
    direction: str = "gaussian"
    legs: tuple[tuple[float, int], ...] = ()

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return sum(count for _, count in self.legs)


@dataclass(frozen=True)
class Settings:
    """One picture. z is that of (`seed`, `index`), w its image at truncation `psi`; the change is the walk's offset and
    `moves`, (dimension, delta) pairs, added to w in `layers` (first and last, both included).

    `noise` random is drawn from `noise_seed`. Weights with |stored| < `pruning_threshold` are zero while the image is
    made; w stays as the whole mapping gives it.
    """

    layers: tuple[int, int]
    seed: int = 0
    index: int = 0
    label: int = 0
    psi: float = 0.7
    moves: tuple[tuple[int, float], ...] = ()
    walk: PictureWalk = PictureWalk()
    noise: str = "const"
    noise_seed: int = 0
    noise_strength: float = 1.0
    pruning_threshold: float = 0.0

    @classmethod
    def of(cls, shape: LatentShape, **values: Any) -> Settings:
        """Settings for all layers of `shape`, with these values."""
        return cls(layers=(0, shape.num_ws - 1), **values)

    def unchanged(self, shape: LatentShape) -> Settings:
        """The same face before anything is done to it: w of seed, index, class and psi, nothing else."""
        return Settings.of(shape, seed=self.seed, index=self.index, label=self.label, psi=self.psi)

    def with_moves(self, moves: Mapping[int, float]) -> Settings:
        """The same with other moves."""
        return replace(self, moves=tuple(moves.items()))

    def to_json(self) -> dict[str, object]:
        """Plain values, from which `parse` makes the same settings."""
        return asdict(self)

    @classmethod
    def parse(cls, value: Any, shape: LatentShape) -> Settings:
        """The settings in plain JSON values; what is left out has its default.

        Raises `ForensicsError`, one line, for a name there is none of, a value of another type, one that is not
        finite or out of bounds, a dimension or layer that this generator lacks.
        """
        given = _object("settings", value, [f.name for f in fields(cls)])
        default = cls.of(shape)

        def number(name: str, bounds: tuple[float, float]) -> float:
            return _number(name, given.get(name, getattr(default, name)), bounds)

        def whole(name: str, highest: int = MAX_SEED) -> int:
            return _whole(name, given.get(name, getattr(default, name)), highest)

        return cls(
            layers=_layers(given.get("layers", default.layers), shape),
            seed=whole("seed"),
            index=whole("index"),
            label=whole("label", max(shape.c_dim - 1, 0)),
            psi=number("psi", PSI),
            moves=_moves(given.get("moves", ()), shape),
            walk=_walk(given.get("walk", {})),
            noise=_one_of("noise", given.get("noise", default.noise), NOISES),
            noise_seed=whole("noise_seed"),
            noise_strength=number("noise_strength", NOISE_STRENGTH),
            pruning_threshold=number("pruning_threshold", THRESHOLD),
        )


def limits() -> dict[str, object]:
    """The bounds, for a page to show."""
    return {
        "seed": MAX_SEED,
        "moves": MAX_MOVES,
        "steps": MAX_STEPS,
        "legs": MAX_LEGS,
        "psi": PSI,
        "delta": DELTA,
        "noise_strength": NOISE_STRENGTH,
        "pruning_threshold": THRESHOLD,
        "step": STEP,
    }


def _object(name: str, value: Any, known: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ForensicsError(f"{name}: give an object, not {_short(value)}")
    if unknown := [key for key in value if key not in known]:
        raise ForensicsError(f"{name}: there is no {_short(unknown[0])}; there are {', '.join(known)}")
    return value


def _number(name: str, value: Any, bounds: tuple[float, float]) -> float:
    low, high = bounds
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits or not low <= value <= high or not math.isfinite(value):
        raise ForensicsError(f"{name}: give a number from {low:g} to {high:g}, not {_short(value)}")
    return float(value)


def _whole(name: str, value: Any, highest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
        raise ForensicsError(f"{name}: give a whole number from 0 to {highest}, not {_short(value)}")
    return value


def _one_of(name: str, value: Any, choices: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ForensicsError(f"{name}: choose one of {', '.join(choices)}, not {_short(value)}")
    return value


def _pairs(name: str, value: Any, most: int) -> list[tuple[Any, Any]]:
    if not isinstance(value, list | tuple) or len(value) > most:
        raise ForensicsError(f"{name}: give a list of at most {most} pairs")
    for item in value:
        if not isinstance(item, list | tuple) or len(item) != 2:
            raise ForensicsError(f"{name}: {_short(item)} is no pair")
    return [(first, second) for first, second in value]


def _layers(value: Any, shape: LatentShape) -> tuple[int, int]:
    ((first, last),) = _pairs("layers", [value], 1)
    last = _whole("layers", last, shape.num_ws - 1)
    return _whole("layers", first, last), last


def _moves(value: Any, shape: LatentShape) -> tuple[tuple[int, float], ...]:
    pairs = _pairs("moves", value, MAX_MOVES)
    moves = [(_whole("dimension", dim, shape.w_dim - 1), _number("delta", d, DELTA)) for dim, d in pairs]
    if len({dim for dim, _ in moves}) < len(moves):
        raise ForensicsError("moves: a dimension is named twice")
    return tuple(moves)


def _walk(value: Any) -> PictureWalk:
    given = _object("walk", value, [f.name for f in fields(PictureWalk)])
    pairs = _pairs("legs", given.get("legs", ()), MAX_LEGS)
    legs = tuple((_number("step", step, STEP), _whole("steps", n, MAX_STEPS)) for step, n in pairs)
    walk = PictureWalk(
        _whole("walk seed", given.get("seed", 0), MAX_SEED),
        _one_of("direction", given.get("direction", DIRECTIONS[0]), DIRECTIONS),
        legs,
    )
    if walk.steps > MAX_STEPS:
        raise ForensicsError(f"walk: {walk.steps} steps are more than {MAX_STEPS}")
    return walk


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
