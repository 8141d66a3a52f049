"""What makes a result repeatable: the call and its arguments, hashes of what it read, seeds, versions, machine, date.

The functions that make something are decorated with `recorded`; what they write then knows the call, whoever made it:
the command line, a notebook or another function. Nothing in a record changes from one run to the next on the same
machine kind but the date, and that stays the first one where a finished or killed run is run again.
"""

from __future__ import annotations

import contextvars
import dataclasses
import functools
import hashlib
import importlib.metadata
import inspect
import json
import os
import platform
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from forensics import __version__
from forensics.core.errors import ForensicsError
from forensics.core.files import write_json
from forensics.core.untrusted import read_json

FORMAT_VERSION: Final = 2
FILE: Final = "evidence.json"
PACKAGES: Final = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-image",
    "pillow",
    "safetensors",
    "onnxruntime",
    "insightface",
)
# Where a result is put, and how many processes make it: no part of what it is, so no part of its record.
_NO_PART: Final = frozenset({"out", "work", "workers", "report", "advance", "progress", "meter"})
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Call:
    """A function by its full name, and its arguments by theirs, defaults included, in a form that JSON has."""

    function: str
    arguments: Mapping[str, object]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(f'{k}={v!r}' for k, v in self.arguments.items())})"


_CALL: contextvars.ContextVar[Call | None] = contextvars.ContextVar("call", default=None)


def recorded(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Decorate what makes something: evidence that is written inside names this call, or the recorded one inside it."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments = {name: _shown(value) for name, value in bound.arguments.items() if name not in _NO_PART}
        token = _CALL.set(Call(f"{function.__module__}.{function.__qualname__}", arguments))
        try:
            return function(*args, **kwargs)
        finally:
            _CALL.reset(token)

    return call


@dataclass(frozen=True)
class Evidence:
    """One record. `inputs`: name or path to sha256 (hex) of all that was read; `options`: as resolved, device too."""

    inputs: Mapping[str, str]
    seeds: Mapping[str, int]
    options: Mapping[str, object]
    call: Call | None
    versions: Mapping[str, str | None] = field(default_factory=lambda: versions())
    machine: Mapping[str, object] = field(default_factory=lambda: machine_kind())

    def lines(self) -> list[tuple[str, str]]:
        """Names and values for the foot of a page, which is the same bytes whatever the date."""
        lines = [("call", str(self.call))] if self.call else []
        for name in ("inputs", "seeds", "options", "versions", "machine"):
            values = getattr(self, name).items()
            lines += [(key, str(value)) for key, value in values if value not in (None, [], "")]
        return lines

    def to_json(self) -> dict[str, object]:
        """The record without its date."""
        call = {"function": self.call.function, "arguments": self.call.arguments} if self.call else None
        facts = {
            key: dict(getattr(self, key)) for key in ("inputs", "seeds", "options", "versions", "machine")
        }
        return {"format_version": FORMAT_VERSION, "call": call, **facts}

    def write(self, folder: Path) -> Path:
        """Write `folder`/evidence.json, atomically; gives the path."""
        return self._written(folder / FILE)

    def write_beside(self, path: Path) -> Path:
        """Write `path`.evidence.json beside the one file that was made; gives the path."""
        return self._written(path.with_name(f"{path.name}.{FILE}"))

    def _written(self, path: Path) -> Path:
        record = self.to_json()
        write_json(path, record | {"date_utc": _first_date(path, record) or today()})
        return path


def evidence(
    inputs: Mapping[str, str],
    seeds: Mapping[str, int] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Evidence:
    """The record of the recorded call that this is said in; paths become text.

    Raises `ValueError` if a hash is none or an option has no JSON form.
    """
    if wrong := sorted(name for name, sha256 in inputs.items() if not _SHA256.fullmatch(sha256)):
        raise ValueError(f"no sha256: {', '.join(wrong)}")
    plain = {name: _plain(name, value) for name, value in (options or {}).items()}
    return Evidence(
        {_text(name): sha256 for name, sha256 in inputs.items()}, dict(seeds or {}), plain, _CALL.get()
    )


def write_evidence(
    folder: Path,
    inputs: Mapping[str, str],
    seeds: Mapping[str, int] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Path:
    """Write `evidence(...)` to `folder`/evidence.json, atomically; gives the path."""
    return evidence(inputs, seeds, options).write(folder)


def today() -> str:
    """The date in UTC, or that of `SOURCE_DATE_EPOCH`, which makes files of different days the same bytes."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)
    return moment.date().isoformat()


def versions() -> dict[str, str | None]:
    """Versions of Python, this toolkit and what its numbers depend on (null: not installed), without importing them."""
    known: dict[str, str | None] = {"python": platform.python_version(), "forensics": __version__}
    for package in PACKAGES:
        try:
            known[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            known[package] = None
    return known


def machine_kind() -> dict[str, object]:
    """What of the machine may change the last bits of a float: system, architecture, vector unit, GPU model.

    Vector unit and GPU are null unless torch was used.
    """
    torch = sys.modules.get("torch")
    gpu = torch.cuda.get_device_name() if torch is not None and torch.cuda.is_available() else None
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability() if torch is not None else None,
        "gpu": gpu,
    }


def _first_date(path: Path, record: Mapping[str, object]) -> str | None:
    """The date that a record of the same facts already has."""
    try:
        before = read_json(path)
        date = str(before.pop("date_utc"))
    except (ForensicsError, KeyError, AttributeError):
        return None
    return date if before == json.loads(json.dumps(record)) else None


def _shown(value: object) -> object:
    """An argument as JSON has it: numbers and text as they are, options by field, networks and arrays by their hash."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, str | Path):
        return _text(value)
    if isinstance(value, Mapping):
        return {_text(key): _shown(inner) for key, inner in value.items() if key not in _NO_PART}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(inner) for inner in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {name: _shown(inner) for name, inner in fields if name not in _NO_PART}
    return _hashed(value)


def _hashed(value: object) -> dict[str, object]:
    """Something that has no JSON form, by its type and, where it has weights or pixels, by their sha256."""
    facts: dict[str, object] = {"type": f"{type(value).__module__}.{type(value).__qualname__}"}
    weights = getattr(value, "weights_sha256", None)
    if weights:
        facts["weights_sha256"] = _shown(weights() if callable(weights) else weights)
    elif callable(in_bytes := getattr(value, "tobytes", None)):
        facts["sha256"] = hashlib.sha256(in_bytes()).hexdigest()
        facts["shape"] = _shown(getattr(value, "shape", None) or getattr(value, "size", None))
    return facts


def _text(value: object) -> str:
    """Text that UTF-8 can hold: a path or an argument need not be, and then shows its bytes as `\\udcXX`."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(name: str, value: Any) -> Any:
    """`value` as JSON has it: paths as text, tuples as lists; raises `ValueError` where there is no such form."""
    if isinstance(value, (str, Path)):
        return _text(value)
    if isinstance(value, Mapping):
        return {_text(key): _plain(name, inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(name, inner) for inner in value]
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"option {name} has no JSON form: {value!r}") from error
    return value
