"""The log of a case: JSON lines, each with the hash of the line before it and a signature; and where it ends.

A line is appended and synced first, then `head.json` names it as the last. A kill in between leaves a whole, signed
line after the head, or a piece of one: both are recognised, and the next append goes on from there. Fewer lines than
the head says are a cut log.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from forensics.core.errors import ForensicsError
from forensics.core.files import append_bytes, sha256_bytes, write_bytes, write_json
from forensics.core.terminal import printable
from forensics.core.untrusted import parse_json, read_json, read_untrusted
from forensics.examiner.case.keys import is_signed, public_hex

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LOG: Final = "log.jsonl"
HEAD: Final = "head.json"
MAX_LOG_BYTES: Final = 256 << 20
_START: Final = "0" * 64
_FIELDS: Final = {"number", "time_utc", "kind", "body", "previous", "signature"}


@dataclass(frozen=True)
class Entry:
    """One line. `sha256` is that of the line's bytes, without its end; `previous` that of the line before."""

    number: int
    time_utc: str
    kind: str
    body: dict[str, Any]
    previous: str
    signature: str
    sha256: str


@dataclass(frozen=True)
class Log:
    """What was read: good lines up to the first fault, the faults in words, and bytes that an append left behind."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]
    torn_bytes: int = 0

    @property
    def public_key(self) -> str:
        """The key that the case was opened with, hex; "" where there is no line."""
        return str(self.entries[0].body.get("public_key", "")) if self.entries else ""

    @property
    def head(self) -> str:
        """sha256 of the last line, hex."""
        return self.entries[-1].sha256 if self.entries else _START

    def of_kind(self, kind: str) -> list[Entry]:
        """The lines of one kind, in order."""
        return [entry for entry in self.entries if entry.kind == kind]


def read_log(case: Path) -> Log:
    """Read and check the log of the folder `case`. ForensicsError where it has none."""
    if not (case / LOG).exists():
        raise ForensicsError(f"{printable(case)}: is no case; `forensics case new` makes one")
    data = read_untrusted(case / LOG, MAX_LOG_BYTES).data
    *lines, torn = data.split(b"\n")
    entries: list[Entry] = []
    problems: list[str] = []
    for line in lines:
        entry = _entry(line)
        fault = "is no line of a log" if entry is None else _fault(entry, line, entries)
        if entry is None or fault:
            problems.append(f"line {len(entries) + 1}: {fault}")
            break
        entries.append(entry)
    log = Log(tuple(entries), (), len(torn))
    return Log(log.entries, (*problems, *([] if problems else _head_faults(case, log))), len(torn))


def append(case: Path, key: Ed25519PrivateKey, kind: str, body: dict[str, Any], log: Log) -> Log:
    """The log with one more line, on the disk when this returns. The caller holds the folder.

    ForensicsError where the log has faults, or `key` is not the one the case was opened with.
    """
    if log.problems:
        raise ForensicsError(f"{printable(case)}: {log.problems[0]}; `forensics case verify` says more")
    if log.entries and public_hex(key) != log.public_key:
        raise ForensicsError(f"{printable(case)}: was opened with another key; give that one with --key")
    if log.torn_bytes:
        whole = read_untrusted(case / LOG, MAX_LOG_BYTES).data[: -log.torn_bytes]
        write_bytes(case / LOG, whole)
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    plain = {
        "number": len(log.entries) + 1, "time_utc": moment, "kind": kind, "body": body, "previous": log.head,
    }  # fmt: skip
    line = _canonical({**plain, "signature": key.sign(_canonical(plain)).hex()})
    append_bytes(case / LOG, line + b"\n")
    entry = _entry(line)
    assert entry is not None
    _write_head(case, key, entry)
    return Log((*log.entries, entry), ())


def _write_head(case: Path, key: Ed25519PrivateKey, entry: Entry) -> None:
    plain = {"number": entry.number, "sha256": entry.sha256}
    write_json(case / HEAD, {**plain, "signature": key.sign(_canonical(plain)).hex()})


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def _entry(line: bytes) -> Entry | None:
    try:
        value = parse_json(line)
    except ValueError:
        return None
    if not isinstance(value, dict) or set(value) != _FIELDS or _canonical(value) != line:
        return None
    texts = (value[name] for name in ("time_utc", "kind", "previous", "signature"))
    if type(value["number"]) is not int or not isinstance(value["body"], dict):
        return None
    return Entry(**value, sha256=sha256_bytes(line)) if all(isinstance(text, str) for text in texts) else None


def _fault(entry: Entry, line: bytes, before: list[Entry]) -> str:
    """What is wrong with a line after those `before`; "": nothing."""
    if entry.number != len(before) + 1:
        return f"has the number {entry.number}: lines were removed, added or moved"
    if entry.previous != (before[-1].sha256 if before else _START):
        return "does not follow on the line before it: one of them was altered, or lines were moved"
    public = (before[0] if before else entry).body.get("public_key")
    value = parse_json(line)
    signature = value.pop("signature")
    if not isinstance(public, str) or not is_signed(public, signature, _canonical(value)):
        return "is not signed with the key of the case: it was altered, or written with another key"
    return ""


def _head_faults(case: Path, log: Log) -> list[str]:
    """What is wrong with where the log ends."""
    if not (case / HEAD).exists():
        # A kill right after the first line leaves no head.
        return [] if len(log.entries) <= 1 else [f"{HEAD} is missing: nothing says where the log ends"]
    head = read_json(case / HEAD, 1 << 16)
    plain = {name: head.get(name) for name in ("number", "sha256")} if isinstance(head, dict) else {}
    number = plain.get("number")
    if type(number) is not int or not is_signed(
        log.public_key, str(head.get("signature")), _canonical(plain)
    ):
        return [f"{HEAD} is not signed with the key of the case"]
    if number > len(log.entries):
        return [
            f"the log was cut: it has {len(log.entries)} lines, and {HEAD} names line {number} as the last"
        ]
    if number < 1 or log.entries[number - 1].sha256 != plain["sha256"]:
        return [f"{HEAD} names another line {number}"]
    # One append at most can have been interrupted; more lines than that belong to a head of an earlier day.
    return [f"{HEAD} is older than the log"] if len(log.entries) > number + 1 else []
