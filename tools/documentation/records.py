"""What was measured, in docs/measured/NAME.json: the commands, the day, the processor, the versions, and the result."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from forensics.core.errors import ForensicsError
from forensics.core.evidence import versions
from forensics.core.files import write_json

FOLDER: Final = Path(__file__).parents[2] / "docs" / "measured"


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def write_record(name: str, commands: Sequence[str], result: object) -> Path:
    """Write docs/measured/NAME.json; `result` is anything JSON can hold. Returns the file."""
    path = FOLDER / f"{name}.json"
    record = {
        "commands": list(commands),
        "date_utc": datetime.now(UTC).date().isoformat(),
        "processor": processor(),
        "versions": versions(),
        "result": result,
    }
    write_json(path, record)
    return path


@cache
def measured(name: str) -> dict[str, Any]:
    """What docs/measured/NAME.json holds. Raises ForensicsError where it is missing."""
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        raise ForensicsError(f"{path}: is missing: python -m tools.documentation.measurements {name}")
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def command_of(name: str) -> str:
    """Markdown: the commands that wrote docs/measured/NAME.json, when and on which machine."""
    record = measured(name)
    lines = ["Measured with", "", "```", *record["commands"], "```", ""]
    return "\n".join(
        [*lines, f"on {record['date_utc']}, {record['processor']} (`docs/measured/{name}.json`)."]
    )
