"""Values of a JSON object that a stranger may have written: each is asked for by name, with its type and its bounds.

Every function raises ValueError, in a few words that name the field.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

MOST_CHARACTERS: Final = 4096
MOST_NAMES: Final = 1024

Json = Mapping[str, object]


def record(value: object, what: str, of: type[Any] | None = None) -> Json:
    """`value`, an object; with `of`, a dataclass, one that holds its fields and no others."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{what}: no object")
    if of is not None:
        names = {field.name for field in fields(of)}
        if names != value.keys():
            listed = ", ".join(sorted(map(str, names ^ value.keys()))[:4])
            raise ValueError(f"{what}: lacks, or has to spare, {listed}")
    return value


def number(
    of: Json,
    name: str,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
) -> float:
    """A finite number in [low, high]; with `above` greater than low, with `below` less than high."""
    value = of.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is no number")
    if not abs(value) <= 1e300:
        raise ValueError(f"{name} is not finite")
    if not low <= value <= high or (above and value == low) or (below and value == high):
        raise ValueError(f"{name} is {value:g}, out of {low:g} to {high:g}")
    return float(value)


def whole(of: Json, name: str, low: int = 0, high: int = 1 << 40) -> int:
    """A whole number from low to high."""
    value = of.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} is no whole number from {low} to {high}")
    return value


def text(of: Json, name: str) -> str:
    """A text of at most 4096 characters."""
    value = of.get(name)
    if not isinstance(value, str) or len(value) > MOST_CHARACTERS:
        raise ValueError(f"{name} is no text of at most {MOST_CHARACTERS} characters")
    return value


def names(of: Json, name: str) -> tuple[str, ...]:
    """A list of at most 1024 texts."""
    value = of.get(name)
    if not isinstance(value, list | tuple) or len(value) > MOST_NAMES:
        raise ValueError(f"{name} is no list of at most {MOST_NAMES} names")
    return tuple(text({name: one}, name) for one in value)


def counts(of: Json, name: str) -> dict[str, int]:
    """An object of at most 1024 names and whole numbers."""
    value = record(of.get(name), name)
    if len(value) > MOST_NAMES:
        raise ValueError(f"{name} has more than {MOST_NAMES} names")
    return {key: whole(value, key) for key in value}
