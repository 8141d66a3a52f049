"""The speed table, from docs/measured/speed.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tools.documentation.blocks import table
from tools.documentation.records import measured


def speed_table(path: Path, words: Sequence[str]) -> str:
    """`speed`: a row a case and batch: both sides in ms an image, and how many times faster ours is."""
    result = measured("speed")["result"]
    rows = [
        (
            row["case"],
            str(row["batch"]),
            f"{row['ours_ms']:.1f}",
            f"{row['plain_ms']:.1f}",
            f"**{row['ratio']:.2f}**",
            "" if row["asked"] is None else f"{row['asked']}",
            f"{100 * row['floor_share']:.0f} %",
            "" if row["ours_mb"] is None else f"{row['ours_mb']:.0f} / {row['plain_mb']:.0f}",
        )
        for row in result["rows"]
    ]
    heads = [
        "case",
        "batch",
        "ours, ms",
        "plain, ms",
        "times faster",
        "asked",
        "share of floor",
        "MB, ours / plain",
    ]
    head = (
        f"{result['threads']} threads; a large convolution runs at {result['peak_gflop_per_s']:.0f} GFLOP/s."
    )
    return f"{head}\n\n{table(heads, rows)}"
