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
