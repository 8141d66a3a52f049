"""Tables of `ffhq-64` to `ffhq-512` against `ffhq-1024`, from docs/measured/ffhq-heads.json and -speed.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tools.documentation.blocks import table
from tools.documentation.records import measured

RECORD: Final = "ffhq-heads"
REDUCED: Final = "ffhq-heads-reduced"
SPEED: Final = "ffhq-heads-speed"
_SPACE: Final = "\N{NO-BREAK SPACE}"


def interval(held: Mapping[str, float], places: int) -> str:
    """A value with its 95 % interval in brackets."""
    low, high = (f"{held[key]:.{places}f}" for key in ("low", "high"))
    return f"{held['value']:.{places}f} [{low},{_SPACE}{high}]"


def share(held: Mapping[str, float]) -> str:
    """A share in percent with its 95 % interval in brackets."""
    return f"{interval({key: 100 * value for key, value in held.items()}, 1)} %"


def _conditions(result: Mapping[str, Any]) -> str:
    return (
        f"{result['n']} latents that no fit has seen, psi {result['psi']:g}, against the picture of `ffhq-1024`, "
        f"area-reduced. In brackets 95 % intervals."
    )


def heads_table(path: Path, words: Sequence[str]) -> str:
    """`heads`: a row a size: nearness to the large network's picture, distribution, faces."""
    result = measured(RECORD)["result"]
    reduced = measured(REDUCED)["result"]["heads"]
    rows = [
        (
            f"`ffhq-{row['source']}`, reduced to {row['size']} px"
            if "source" in row
            else f"`ffhq-{row['size']}`",
            interval(row["psnr_db"], 1),
            interval(row["distance"], 3)
            + (f", n = {row['distance_n']}" if row["distance_n"] < result["n"] else ""),
            interval(row["jpeg_distance"], 3),
            interval(row["kid"], 4),
            share(row["faces"]),
            interval(row["cosine_difference"], 3),
        )
        for row in [*result["heads"], *reduced]
    ]
    heads = [
        "network", "PSNR, dB", "perceptual distance", f"of JPEG {result['jpeg_quality']}", "KID", "face found",
        "mean cosine less that of 1024 px",
    ]  # fmt: skip
    return f"{_conditions(result)}\n\n{table(heads, rows)}"


def head_block(path: Path, words: Sequence[str]) -> str:
    """`head SIZE`: what was measured of one size."""
    result = measured(RECORD)["result"]
    row = next(row for row in result["heads"] if str(row["size"]) == words[0])
    rows = [
        ("PSNR, mean, dB", interval(row["psnr_db"], 1)),
        ("PSNR, median and least, dB", f"{row['median_psnr_db']:.1f}, {row['least_psnr_db']:.1f}"),
        ("perceptual distance", interval(row["distance"], 3)),
        (f"that of JPEG {result['jpeg_quality']}", interval(row["jpeg_distance"], 3)),
        ("pictures nearer than their JPEG", f"{100 * row['below_jpeg']:.1f} %"),
        ("KID", interval(row["kid"], 4)),
        ("face found", share(row["faces"])),
        ("mean cosine between two faces", f"{row['mean_cosine']:.3f}"),
        ("that less the large network's", interval(row["cosine_difference"], 3)),
    ]
    return f"{_conditions(result)}\n\n{table(['measure', 'value'], rows)}"


def head_speed(path: Path, words: Sequence[str]) -> str:
    """`head-speed`: milliseconds a picture of every shipped generator, one at a time and by sixteen."""
    result = measured(SPEED)["result"]
    by_network: dict[str, dict[int, float]] = {}
    for row in result["rows"]:
        by_network.setdefault(row["network"], {})[row["batch"]] = row["ms"]
    batches = sorted({row["batch"] for row in result["rows"]})
    rows = [
        (f"`{name}`", *(f"{times[batch]:.1f}" if batch in times else "" for batch in batches))
        for name, times in by_network.items()
    ]
    head = (
        f"Torch with {result['threads']} thread(s), load of the machine before it began {result['load']:.2f}."
    )
    return f"{head}\n\n{table(['network', *(f'ms, batch {batch}' for batch in batches)], rows)}"
