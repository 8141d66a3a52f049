"""Settings of a recipe: a frozen dataclass whose fields say their bounds, read from texts such as `psi=0.7`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, asdict, field, fields
from typing import Any, TypeVar

from forensics.core.errors import ForensicsError

Settings = TypeVar("Settings")
Value = float | int | str


def setting(
    default: Value,
    meaning: str,
    *,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    choices: tuple[str, ...] = (),
) -> Any:
    """A field of a settings dataclass: what it means, the numbers it may have, or the words it may be."""
    return field(default=default, metadata={"meaning": meaning, "bounds": bounds, "choices": choices})


def defaults_of(settings: type) -> dict[str, Value]:
    """Name → default of every setting, for a card."""
    return dict(asdict(settings()))


def read_settings(settings: type[Settings], recipe: str, texts: Mapping[str, str]) -> Settings:
    """The settings that `texts` (name → value) give, the others at their defaults.

    ForensicsError: the recipe has no such setting, or the value is out of its bounds.
    """
    known = {one.name: one for one in fields(settings)}  # type: ignore[arg-type]
    for name in texts:
        if name not in known:
            listed = ", ".join(known) or "it has none"
            raise ForensicsError(f"recipe {recipe} has no setting {name!r}: choose among {listed}")
    return settings(**{name: _value(recipe, known[name], text) for name, text in texts.items()})


def _value(recipe: str, known: Field[Any], text: str) -> Value:
    choices, (low, high) = known.metadata["choices"], known.metadata["bounds"]
    if isinstance(known.default, str):
        if choices and text not in choices:
            raise ForensicsError(
                f"no {known.name} {text!r} for recipe {recipe}: choose one of {', '.join(choices)}"
            )
        return text
    kind = "a whole number" if isinstance(known.default, int) else "a number"
    try:
        value = int(text) if isinstance(known.default, int) else float(text)
        if not low <= value <= high:
            raise ValueError
    except ValueError as error:
        raise ForensicsError(
            f"{known.name}={text} for recipe {recipe}: give {kind} from {low:g} to {high:g}"
        ) from error
    return value


def read_pairs(words: list[str]) -> dict[str, str]:
    """Name → value of words such as `psi=0.7`. ForensicsError: a word without `=`, or a name that comes twice."""
    pairs: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise ForensicsError(f"--set {word}: write a name and a value, such as psi=0.7")
        if name in pairs:
            raise ForensicsError(f"--set {name}: is given twice; leave one of them out")
        pairs[name] = value
    return pairs
