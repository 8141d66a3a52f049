"""The rows of a manifest and the numbers of `corpus.json`: how they are written, and how they are read with suspicion.

A row is `{file, sha256, label, source, generator, recipe, params, parent}`:
    file       path below the corpus folder, with forward slashes
    sha256     of the file's bytes, hex
    label      0 authentic, 1 synthetic
    source     what it comes from: a data set or an architecture, in one word or path
    generator  sha256 of the weights, or null
    recipe     name of the recipe, or null
    params     every parameter needed to make it again, with seed and index (an object)
    parent     sha256 of the image it was derived from, or null
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path, PurePosixPath
from typing import IO, Any

from forensics.core.errors import CorpusError
from forensics.core.terminal import printable

Row = dict[str, Any]

AUTHENTIC, SYNTHETIC = 0, 1
FORMAT = "forensics-corpus"
FORMAT_VERSION = 1
MANIFEST, SUMMARY = "manifest.jsonl", "corpus.json"
ROW_KEYS = ("file", "sha256", "label", "source", "generator", "recipe", "params", "parent")
MAX_LINE_BYTES = 1 << 20
MAX_SUMMARY_BYTES = 64 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


def dump_row(row: Row) -> bytes:
    """One manifest line: ASCII JSON with the keys in the order above and those of `params` sorted."""
    ordered = {key: _sorted(row[key]) for key in ROW_KEYS}
    line = json.dumps(ordered, ensure_ascii=True, allow_nan=False, separators=(", ", ": ")).encode() + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise CorpusError(f"the manifest row of {row['file']} is longer than {MAX_LINE_BYTES:,} bytes")
    return line


def _sorted(value: Any) -> Any:
    return (
        json.loads(json.dumps(value, sort_keys=True, allow_nan=False)) if isinstance(value, dict) else value
    )


def check_row(row: Any) -> Row:
    """`row` if it is one; raises `ValueError` with what is wrong."""
    if not isinstance(row, dict):
        raise ValueError("is not an object")
    if unknown := sorted(set(row) - set(ROW_KEYS)):
        raise ValueError(f"has unknown keys {', '.join(map(repr, unknown))}")
    if missing := [key for key in ROW_KEYS if key not in row]:
        raise ValueError(f"has no {', '.join(missing)}")
    if type(row["label"]) is not int or row["label"] not in (AUTHENTIC, SYNTHETIC):
        raise ValueError(f"has label {row['label']!r}, not {AUTHENTIC} or {SYNTHETIC}")
    if not isinstance(row["sha256"], str) or not _SHA256.fullmatch(row["sha256"]):
        raise ValueError("has a sha256 that is not 64 hex digits")
    if not isinstance(row["source"], str) or not isinstance(row["params"], dict):
        raise ValueError("needs a text as source and an object as params")
    for key in ("generator", "recipe", "parent"):
        if not (row[key] is None or isinstance(row[key], str)):
            raise ValueError(f"has a {key} that is neither text nor null")
    check_file(row["file"])
    return row


def check_file(file: Any) -> str:
    """`file` if it is a plain relative path; raises `ValueError` where it leads elsewhere."""
    if not isinstance(file, str) or not file or "\0" in file or "\\" in file:
        raise ValueError("has a file that is not a path")
    parts = PurePosixPath(file).parts
    if file.startswith("/") or ".." in parts or "/".join(parts) != file or re.match(r"[A-Za-z]:", file):
        raise ValueError(f"has file {file!r}, which leads out of the corpus")
    return file


def escapes(folder: Path, file: str, known: dict[str, bool]) -> bool:
    """Whether a link makes `file` lead out of `folder`. `known` remembers the folders looked at before."""
    parent = file.rpartition("/")[0]
    if parent not in known:
        known[parent] = not _within(folder, folder / parent)
    return known[parent] or ((folder / file).is_symlink() and not _within(folder, folder / file))


def _within(folder: Path, path: Path) -> bool:
    top, real = os.path.realpath(folder), os.path.realpath(path)
    return os.path.commonpath((top, real)) == top


def read_rows(stream: IO[bytes], name: str) -> tuple[list[Row], list[int]]:
    """The rows of the complete lines of a manifest, and the byte at which each ends.

    What follows the last line end is a row that was being written and is left out. Raises `CorpusError` naming the
    line.
    """
    rows: list[Row] = []
    ends: list[int] = []
    seen: set[str] = set()
    at = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        where = f"{name}: line {len(rows) + 1}"
        if len(line) > MAX_LINE_BYTES:
            raise CorpusError(f"{where} is longer than {MAX_LINE_BYTES:,} bytes; this is no manifest")
        if not line.endswith(b"\n"):
            break
        try:
            row = check_row(json.loads(line.decode("utf-8"), parse_constant=_no_constant))
        except RecursionError as error:
            raise CorpusError(f"{where} is nested too deeply; the manifest is damaged") from error
        except ValueError as error:
            raise CorpusError(f"{where} {_reason(error)}; the manifest is damaged") from error
        if row["file"] in seen:
            raise CorpusError(f"{where} lists {printable(row['file'])} again; the manifest is damaged")
        seen.add(row["file"])
        at += len(line)
        rows.append(row)
        ends.append(at)
    return rows, ends


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"is not JSON ({error.msg} at column {error.colno})"
    return "is not UTF-8" if isinstance(error, UnicodeDecodeError) else printable(error)


def _no_constant(name: str) -> None:
    raise ValueError(f"holds {name}, which is not JSON")


def read_summary(folder: Path) -> dict[str, Any] | None:
    """What `corpus.json` says, or None where there is none. Raises `CorpusError` where it is not one of ours."""
    path = folder / SUMMARY
    named = printable(path)
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_SUMMARY_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CorpusError(f"{named}: cannot be read ({(error.strerror or str(error)).lower()})") from error
    try:
        if len(text) > MAX_SUMMARY_BYTES:
            raise ValueError("too long")
        summary = json.loads(text.decode("utf-8"))
        known = isinstance(summary, dict) and summary.get("format") == FORMAT
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{named}: is not JSON; the corpus is damaged") from error
    if not known:
        raise CorpusError(f"{named}: was not written by this toolkit (format is not {FORMAT!r})")
    if summary.get("format_version") != FORMAT_VERSION:
        version = printable(str(summary.get("format_version"))[:20])
        raise CorpusError(
            f"{named}: has format version {version}; this toolkit reads {FORMAT_VERSION}, update it"
        )
    kinds = {"how": dict, "chunk": int, "complete": bool, "counts": dict, "latents": dict}
    if any(not isinstance(summary.get(key), kind) for key, kind in kinds.items()) or summary["chunk"] < 1:
        raise CorpusError(f"{named}: lacks how, chunk, complete, counts or latents; the corpus is damaged")
    return dict(summary)
