"""A manifest and `corpus.json`: how they are written, and how they are read with suspicion.

A line of the manifest is one row (see `forensics.corpus.rows`). Files of format version 1 are read, 2 is written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from forensics.core.errors import CorpusError
from forensics.core.terminal import printable
from forensics.core.untrusted import parse_json, read_untrusted
from forensics.corpus.rows import Row, row_from_json

FORMAT = "forensics-corpus"
FORMAT_VERSION = 2
READ_VERSIONS = (1, 2)
MANIFEST, SUMMARY = "manifest.jsonl", "corpus.json"
MAX_LINE_BYTES = 1 << 20
MAX_SUMMARY_BYTES = 64 << 20


def dump_row(row: Row) -> bytes:
    """One manifest line: ASCII JSON with the keys in the order of `ROW_KEYS` and those of `params` sorted."""
    line = (
        json.dumps(row.to_json(), ensure_ascii=True, allow_nan=False, separators=(", ", ": ")).encode()
        + b"\n"
    )
    if len(line) > MAX_LINE_BYTES:
        raise CorpusError(f"the manifest row of {row.file} is longer than {MAX_LINE_BYTES:,} bytes")
    return line


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
            row = row_from_json(json.loads(line.decode("utf-8"), parse_constant=_no_constant))
            row.file.encode("utf-8")
            if not row.source.isprintable():
                raise ValueError("has a source with control characters")
        except RecursionError as error:
            raise CorpusError(f"{where} is nested too deeply; the manifest is damaged") from error
        except ValueError as error:
            raise CorpusError(f"{where} {_reason(error)}; the manifest is damaged") from error
        if row.file in seen:
            raise CorpusError(f"{where} lists {printable(row.file)} again; the manifest is damaged")
        seen.add(row.file)
        at += len(line)
        rows.append(row)
        ends.append(at)
    return rows, ends


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"is not JSON ({error.msg} at column {error.colno})"
    return "is not UTF-8" if isinstance(error, UnicodeError) else printable(error)


def _no_constant(name: str) -> None:
    raise ValueError(f"holds {name}, which is not JSON")


def read_summary(folder: Path) -> Mapping[str, Any] | None:
    """What `corpus.json` says, or None where there is none. Raises `CorpusError` where it is not one of ours."""
    path = folder / SUMMARY
    named = printable(path)
    if not os.path.lexists(path):
        return None
    content = read_untrusted(path, MAX_SUMMARY_BYTES, CorpusError)
    try:
        summary = parse_json(content.data)
        known = isinstance(summary, dict) and summary.get("format") == FORMAT
    except ValueError as error:
        raise CorpusError(f"{named}: is not JSON; the corpus is damaged") from error
    if not known:
        raise CorpusError(f"{named}: was not written by this toolkit (format is not {FORMAT!r})")
    if summary.get("format_version") not in READ_VERSIONS:
        version = printable(str(summary.get("format_version"))[:20])
        raise CorpusError(
            f"{named}: has format version {version}; this toolkit reads up to {FORMAT_VERSION}, update it"
        )
    kinds = {"how": dict, "chunk": int, "complete": bool, "counts": dict, "latents": dict}
    if any(not isinstance(summary.get(key), kind) for key, kind in kinds.items()) or summary["chunk"] < 1:
        raise CorpusError(f"{named}: lacks how, chunk, complete, counts or latents; the corpus is damaged")
    return dict(summary)
