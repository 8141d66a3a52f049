"""Options of the command line: NAME=VALUE, each of the kind its option has."""

from __future__ import annotations

import math
from collections.abc import Sequence

from forensics.core.errors import ForensicsError
from forensics.generators.training.options.records import TrainingOptions, Value

# Options that a run finds for itself, and those that are no single value.
_BY_THE_RUN = (
    *("preset", "c_dim", "transfer", "transfer_kimg", "generator_extra", "discriminator_extra", "phases"),
)
_SWITCH = {"true": True, "false": False}


def settings(texts: Sequence[str]) -> dict[str, Value]:
    """Options out of texts as NAME=VALUE, each of the kind its option has; others are a `ForensicsError`."""
    defaults = {name: value for name, value in TrainingOptions().to_json().items() if name not in _BY_THE_RUN}
    read: dict[str, Value] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in defaults:
            raise ForensicsError(f"{text!r} is no training option: give NAME=VALUE, as in glo_kimg=0")
        read[name] = _as_kind(name, value, defaults[name])
    return read


def _as_kind(name: str, value: str, example: object) -> Value:
    try:
        if isinstance(example, bool):
            return _SWITCH[value.lower()]
        if isinstance(example, int):
            return int(value)
        if isinstance(example, str):
            return value
        if math.isfinite(number := float(value)):
            return number
    except (KeyError, ValueError):
        pass
    wanted = {bool: "true or false", int: "a whole number"}.get(type(example), "a number")
    raise ForensicsError(f"{name} needs {wanted}, and {value!r} is none")
