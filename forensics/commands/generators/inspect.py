"""`forensics inspect`: what is inside a weights file, without running anything in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import Json, folder_to_write


def inspect(
    file: Annotated[
        str,
        typer.Argument(
            help="own-128, own-64, ffhq-1024, or NVIDIA .pkl, rosinality or SrcNet .pt, .safetensors."
        ),
    ],
    json: Json = False,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Also write the statistics of every layer's weights to this folder.",
            callback=folder_to_write,
        ),
    ] = None,
) -> None:
    """Architecture, size, classes, parameters and hashes of the networks in a weights file."""
    from forensics.core.terminal import print_summary
    from forensics.generators.checkpoints.inspecting import described, inspect_file

    facts = inspect_file(file)
    summary = facts.to_json()
    if weights is not None:
        from forensics.studies.weights.page import write_weight_statistics

        summary["weights"] = write_weight_statistics(file, weights).to_json()
    lines = list(described(facts))
    if weights is not None:
        lines.append(f"report    {weights / 'weights.html'}")
    print_summary(summary, lines, as_json=json)
