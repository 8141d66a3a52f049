"""Records of a pickle as JSON-able values, for what a file says of itself: options, arguments, counters."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

from forensics.generators.checkpoints.checkpoint import quoted
from forensics.generators.checkpoints.pickles.records import (
    ClaimedObject,
    NumpyArray,
    PersistentObject,
    StoredTensor,
)

_MAX_DEPTH = 6
_MAX_VALUES = (
    5_000  # options of a training are a few dozen; containers that hold each other could go on for ever
)


def plain_value(value: Any) -> Any:
    """`value` as JSON can hold it, cut at a depth of 6 and 5,000 values; tensors become a summary."""
    return _Plain().value(value, 0)


def plain_dict(value: dict[Any, Any]) -> dict[str, Any]:
    """`plain_value` of a dict."""
    made = plain_value(value)
    return made if isinstance(made, dict) else {}


class _Plain:
    """One conversion, which counts the values it makes."""

    def __init__(self) -> None:
        self.left = _MAX_VALUES

    def value(self, value: Any, depth: int) -> Any:
        self.left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return quoted(value)
        if isinstance(value, int | float):
            return value if math.isfinite(value) else quoted(value)
        if isinstance(value, ClaimedObject):
            value = value.state
        if isinstance(value, dict | list | tuple | set) and depth < _MAX_DEPTH:
            return self.container(value, depth)
        return _summary(value)

    def container(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            pairs = islice(value.items(), max(self.left, 0))
            return {quoted(key): self.value(item, depth + 1) for key, item in pairs if self.left > 0}
        return [self.value(item, depth + 1) for item in islice(value, max(self.left, 0)) if self.left > 0]


def _summary(value: Any) -> str:
    if isinstance(value, StoredTensor | NumpyArray):
        return f"<array of shape {list(value.shape)}>"
    if isinstance(value, PersistentObject):
        return f"<module {quoted(value.class_name)}>"
    return f"<{type(value).__name__}>"
