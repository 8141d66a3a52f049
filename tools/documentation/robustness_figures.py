"""The block that says what hostile input costs, from docs/measured/hostile.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tools.documentation.blocks import table
from tools.documentation.records import measured


def hostile_table(path: Path, words: Sequence[str]) -> str:
    """`hostile`: a row a room: kinds, the slowest, the largest, how many were refused."""
    rows = []
    for room, kinds in measured("hostile")["result"].items():
        slowest = max(kinds, key=lambda kind: kind["seconds"])
        largest = max(kinds, key=lambda kind: kind["peak_mb"])
        rows.append((
            room, str(len(kinds)), str(sum(kind["exit_code"] == 2 for kind in kinds)),
            f"{slowest['seconds']:.1f} s ({slowest['kind'].replace('_', ' ')})",
            f"{largest['peak_mb']:.0f} MB ({largest['kind'].replace('_', ' ')})",
        ))  # fmt: skip
    return table(["input", "kinds", "refused", "slowest", "most memory"], rows)


def hostile_kinds(path: Path, words: Sequence[str]) -> str:
    """`hostile-kinds ROOM`: every kind of a room with seconds and memory."""
    room = " ".join(words)
    rows = [
        (
            kind["kind"].replace("_", " "),
            str(kind["exit_code"]),
            f"{kind['seconds']:.2f}",
            f"{kind['peak_mb']:.0f}",
        )
        for kind in measured("hostile")["result"][room]
    ]
    return table(["kind", "exit code", "s", "MB"], rows)


def fuzz_table(path: Path, words: Sequence[str]) -> str:
    """`fuzz`: a row a reader: changed files it was given, and how it failed."""
    rows = [[row["name"], f"{row['files']:,}", row["failure"] or "no"] for row in measured("fuzz")["result"]]
    return table(["reader", "files tried", "failed"], rows)


def kills_table(path: Path, words: Sequence[str]) -> str:
    """`kills`: a row a command that resumes: kills it survived, and what was lost."""
    rows = [
        (
            f"`{row['name']}`",
            str(row["kills"]),
            f"{row['seconds']:.0f} s",
            ", ".join([*row["different"], *row["left_over"]]) or "nothing",
        )
        for row in measured("kills")["result"]
    ]
    return table(["command", "kills", "in one go", "lost or left over"], rows)


def load_table(path: Path, words: Sequence[str]) -> str:
    """`load`: what the page's server did under load, a fact a row."""
    rows = [(name.replace("_", " "), str(value)) for name, value in measured("load")["result"].items()]
    return table(["`forensics explore own-64`", ""], rows)
