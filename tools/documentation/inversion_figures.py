"""Tables of how often seeds are found, and of how near inverters come."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tools.documentation.blocks import table
from tools.documentation.records import measured


def attribution_table(path: Path, words: Sequence[str]) -> str:
    """`attribution NETWORK`: a row a kind of image, with intervals."""
    [network] = words
    rows = []
    for row in measured(f"attribution-{network}")["result"]:
        own = "photographs" not in row["kind"] and "another's" not in row["kind"]
        counted = row["right"] if own else row["wrong"]
        share = f"{counted} of {row['n']} [{row['low']:.2f}, {row['high']:.2f}]"
        rows.append(
            [
                row["kind"],
                share if own else "there is none",
                str(row["exact"]) if own else "",
                str(row["wrong"]) if own else share,
                f"{row['median_seconds']:.1f} s",
                f"{row['highest_agreement']:.2f}",
            ]
        )
    return table(["images", "seed found", "exact", "wrong hits", "median time", "highest agreement"], rows)


def inversion_table(path: Path, words: Sequence[str]) -> str:
    """`inversion NETWORK`: a row a method: medians over photographs, with intervals."""
    [network] = words
    rows = [
        [
            f"`{row['method']}`",
            str(row["n"]),
            *(
                f"{row[name]['median']:.{digits}f} [{row[name]['low']:.{digits}f}, {row[name]['high']:.{digits}f}]"
                for name, digits in (("psnr_db", 1), ("distance", 3), ("identity", 2))
            ),
            f"{row['seconds']:.1f} s",
        ]
        for row in measured(f"inversion-{network}")["result"]
    ]
    return table(["method", "n", "PSNR, dB", "distance", "identity", "CPU time of one"], rows)
