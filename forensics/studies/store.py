"""The finished parts of a study on disk, one JSON file each, and what they were made with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from forensics.core.differences import differences, in_a_line
from forensics.core.errors import ForensicsError
from forensics.core.files import write_json, write_text
from forensics.core.outputs import Hold, hold_folder
from forensics.core.untrusted import read_json
from forensics.report.rows import Row, plain, row_from_json

CONDITIONS = "conditions.json"


class StoredPart(Protocol):
    """What the store needs to know of a part."""

    row: ClassVar[type[Row]]

    @property
    def name(self) -> str:
        """The name of its file."""


class PartStore:
    """Parts below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def hold(self, conditions: Mapping[str, object]) -> Hold:
        """Claim the folder for parts made under `conditions`. ForensicsError: another process is at work there, or it
        holds parts made otherwise."""
        hold = hold_folder(self.folder)
        path, wanted = self.folder / CONDITIONS, plain(conditions)
        if path.is_file():
            held = read_json(path)
            if differing := differences(held, wanted):
                raise ForensicsError(
                    f"{self.folder}: holds parts made with other options ({in_a_line(differing)}); "
                    "give another --out or remove it"
                )
            for leftover in self.folder.glob(".*.part"):  # of a process that was killed as it wrote
                leftover.unlink(missing_ok=True)
        else:
            write_json(path, wanted)
        return hold

    def path(self, part: StoredPart) -> Path:
        """Where a part is or will be."""
        return self.folder / f"{part.name}.json"

    def read(self, part: StoredPart) -> list[Any]:
        """The rows of a finished part, of the part's kind. ForensicsError, ValueError, TypeError: it is not whole."""
        return [row_from_json(part.row, each) for each in read_json(self.path(part))]

    def read_if_whole(self, part: StoredPart) -> list[Any] | None:
        """The rows of a part, or None where it is missing or damaged."""
        try:
            return self.read(part)
        except (ForensicsError, ValueError, TypeError):
            return None

    def write(self, part: StoredPart, rows: Sequence[Row]) -> None:
        """Keep the rows of a part, one a line."""
        lines = (json.dumps(row.to_json(), sort_keys=True, ensure_ascii=False) for row in rows)
        write_text(self.path(part), "[\n" + ",\n".join(lines) + "\n]\n")
