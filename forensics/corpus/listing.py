"""What a `manifest.csv` beside a foreign tree says of its images: truncation psi, seed, and whatever else it has.

Columns, by name, all but `path` optional: `path` below the folder of the CSV or below that folder's parent, `label`
(0 authentic, 1 synthetic), `psi`, `seed`, `sha256`. Every other column that is filled in becomes a text in `params`
(`source` as `listed_source`: the folder's name stays the source). It is looked for in the tree and in the two folders
above it; a CSV that has no `path` column, or names no file of the tree, is none of ours.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from forensics.core.errors import CorpusError
from forensics.core.terminal import printable
from forensics.core.untrusted import read_untrusted
from forensics.corpus.rows import Row

NAME: Final = "manifest.csv"
_LEVELS_UP: Final = 2
_MAX_BYTES: Final = 64 << 20
_OWN: Final = ("path", "label", "psi", "seed", "sha256", "split")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Said:
    """One line of the list; `where` names file and line."""

    where: str
    label: int | None
    sha256: str | None
    params: Mapping[str, Any]


def read_listing(folder: Path) -> dict[str, Said]:
    """File below `folder` → what the nearest list says of it; empty where there is none. CorpusError names the line."""
    real = Path(os.path.realpath(folder))
    for place in (real, *real.parents[:_LEVELS_UP]):
        if found := _read(place / NAME, real):
            return found
    return {}


def said_of(row: Row, said: Said | None) -> Row:
    """`row` with the params of the list. CorpusError where the list and the folder's name disagree on the label."""
    if said is None:
        return row
    if said.label is not None and said.label != row.label:
        words = ("authentic", "synthetic")
        raise CorpusError(
            f"{said.where}: {printable(row.file)} is listed as {words[said.label]}, its folder says "
            f"{words[row.label]}; correct one of them"
        )
    return replace(row, params=dict(said.params))


def _read(path: Path, folder: Path) -> dict[str, Said]:
    try:
        if not path.is_file():
            return {}
        text = read_untrusted(path, _MAX_BYTES, CorpusError).data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return {}
    found: dict[str, Said] = {}
    try:
        for number, line in _lines(text):
            if (file := _below(path.parent, line["path"], folder)) is not None:
                found[file] = _said(f"{printable(path)}: line {number}", line)
    except csv.Error as error:
        raise CorpusError(f"{printable(path)}: is no CSV ({error}); correct or remove it") from error
    return found


def _lines(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Number and filled-in columns of every line that has a path."""
    table = csv.DictReader(io.StringIO(text, newline=""), restval="")
    if "path" not in (table.fieldnames or ()):
        return
    for line in table:
        filled = {k: v for k, v in line.items() if isinstance(k, str) and isinstance(v, str) and v != ""}
        if "path" in filled:
            yield table.line_num, filled


def _below(place: Path, path: str, folder: Path) -> str | None:
    """The listed path as one below `folder`, or None where it lies elsewhere."""
    if ".." in PurePosixPath(path).parts or "\0" in path:
        return None
    for top in (place, place.parent):
        full = top / path
        if full.is_relative_to(folder) and full.is_file():
            return full.relative_to(folder).as_posix()
    return None


def _said(where: str, line: Mapping[str, str]) -> Said:
    params: dict[str, object] = {
        ("listed_source" if key == "source" else key): value for key, value in line.items() if key not in _OWN
    }
    label, sha256 = line.get("label"), line.get("sha256", "").lower()
    try:
        if "psi" in line:
            params["psi"] = _finite(line["psi"])
        if "seed" in line:
            params["seed"] = int(line["seed"])
        if label not in (None, "0", "1"):
            raise ValueError(f"label {label!r} is neither 0 nor 1")
        if sha256 and not _SHA256.fullmatch(sha256):
            raise ValueError("sha256 is not 64 hex digits")
    except ValueError as error:
        raise CorpusError(f"{where}: {printable(error)}; correct it") from error
    return Said(where, None if label is None else int(label), sha256 or None, params)


def _finite(text: str) -> float:
    value = float(text)
    if not abs(value) < 1e6:
        raise ValueError(f"psi {text!r} is no number")
    return value
