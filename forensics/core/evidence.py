"""What makes a result repeatable: command, options and seeds, hashes of what it read, versions it ran on.

Nothing in it changes from one run to the next on the same machine kind: no time, no duration, no host or user name.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from forensics import __version__
from forensics.core.files import write_json

FORMAT_VERSION = 1
FILE = "evidence.json"
PACKAGES = (
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
_SHA256 = re.compile(r"[0-9a-f]{64}")


def evidence(
    command: Sequence[str],
    inputs: Mapping[str, str],
    seeds: Mapping[str, int] | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A JSON-ready dict that says what it takes to repeat a result.

    `command`: the words of the command line. `inputs`: name or path to sha256 (hex) of everything that was read,
    weights included. `seeds`: name to seed. `options`: every option as resolved, device included; paths become text.
    Raises `ValueError` if a hash is none or an option has no JSON form.
    """
    if wrong := sorted(name for name, sha256 in inputs.items() if not _SHA256.fullmatch(sha256)):
        raise ValueError(f"no sha256: {', '.join(wrong)}")
    return {
        "format_version": FORMAT_VERSION,
        "command": [_text(word) for word in command],
        "inputs": {_text(name): sha256 for name, sha256 in inputs.items()},
        "seeds": dict(seeds or {}),
        "options": {name: _plain(name, value) for name, value in (options or {}).items()},
        "versions": versions(),
        "machine": machine_kind(),
    }


def write_evidence(
    folder: Path,
    command: Sequence[str],
    inputs: Mapping[str, str],
    seeds: Mapping[str, int] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Path:
    """Write `evidence(...)` to `folder`/evidence.json, atomically; gives the path."""
    path = folder / FILE
    write_json(path, evidence(command, inputs, seeds, options))
    return path


def evidence_lines(record: dict[str, Any]) -> list[tuple[str, str]]:
    """An evidence record as names and values for the foot of a page."""
    lines = [("command", " ".join(record["command"]))]
    for part in ("inputs", "seeds", "options", "versions", "machine"):
        lines += [
            (f"{name}", str(value)) for name, value in record[part].items() if value not in (None, [], "")
        ]
    return lines


def versions() -> dict[str, str | None]:
    """Versions of Python, this toolkit and what its numbers depend on (null: not installed), without importing them."""
    found: dict[str, str | None] = {"python": platform.python_version(), "forensics": __version__}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def machine_kind() -> dict[str, Any]:
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
