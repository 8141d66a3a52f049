"""Rows of tables: frozen dataclasses whose fields are the columns, written as CSV and JSON and read back from JSON."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

RowT = TypeVar("RowT", bound="Row")
# For `dataclasses.field(metadata=...)`: a field that is None where it was not measured, which a table leaves out where
# no row has it; and a field that goes into JSON, but is no column of a CSV.
IF_MEASURED: Final = {"if measured": True}
OFF_TABLE: Final = {"off table": True}


@dataclass(frozen=True)
class Row:
    """One row of a table. Fields hold plain values, other rows, or lists, tuples and dicts of these."""

    def to_json(self) -> dict[str, object]:
        """Plain values by name of the field."""
        return {each.name: plain(getattr(self, each.name)) for each in dataclasses.fields(self)}

    def cells(self) -> dict[str, object]:
        """Values by column of a CSV."""
        columns = (each.name for each in dataclasses.fields(self) if each.metadata != OFF_TABLE)
        return {name: getattr(self, name) for name in columns}

    @classmethod
    def optional_columns(cls) -> set[str]:
        """Columns that a table leaves out where no row has a value for them."""
        return {each.name for each in dataclasses.fields(cls) if each.metadata == IF_MEASURED}


def plain(value: object) -> Any:
    """`value` as JSON has it: rows by field, numpy numbers as Python's, NaN as null, paths as text."""
    if isinstance(value, Row):
        return value.to_json()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and value != value:
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def row_from_json(kind: type[RowT], value: object) -> RowT:
    """The row that `to_json` made `value` of. ValueError or TypeError where it is none."""
    row: RowT = _read(kind, value)
    return row


def _read(kind: Any, value: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        inner = [each for each in arguments if each is not types.NoneType]
        return None if value is None else _read(inner[0], value)
    if kind is float and value is None:
        return float("nan")
    if origin in (list, tuple) and arguments[0] is float:
        return origin(float("nan") if each is None else each for each in value)
    if origin in (list, tuple):
        return origin(_read(arguments[0], each) for each in value)
    if origin is dict:
        return {key: _read(arguments[1], each) for key, each in value.items()}
    if isinstance(kind, type) and issubclass(kind, Row):
        row_kind: Any = kind
        hints = _hints(row_kind)
        if not isinstance(value, dict) or value.keys() != hints.keys():
            raise ValueError(f"no {kind.__name__}: {str(value)[:80]}")
        return kind(**{name: _read(hint, value[name]) for name, hint in hints.items()})
    return value


@functools.cache
def _hints(kind: Any) -> dict[str, object]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in dataclasses.fields(kind)}


def columns_of(rows: Sequence[Row], first: Sequence[str] = ()) -> list[str]:
    """The columns of a table of `rows`, those of `first` before the others."""
    seen: dict[str, bool] = {}
    for row in rows:
        optional = row.optional_columns()
        for name, value in row.cells().items():
            seen[name] = seen.get(name, False) or name not in optional or value is not None
    names = [name for name, is_there in seen.items() if is_there]
    return list(dict.fromkeys([*(name for name in first if name in names), *names]))
