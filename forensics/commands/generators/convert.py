"""`forensics convert`: weights files from other people's formats to this project's, and to rosinality's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import Json, file_to_write


def convert(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="own-128, own-64, ffhq-1024, or a weights file.")
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="OUT.safetensors, or OUT.pt for rosinality.", callback=file_to_write
        ),
    ],
    half: Annotated[bool, typer.Option(help="Store large tensors as float16 (.safetensors).")] = False,
    json: Json = False,
) -> None:
    """Convert a weights file: any known format to safetensors, StyleGAN2 to rosinality's .pt with D and latent_avg."""
    from forensics.core.terminal import print_summary
    from forensics.generators.checkpoints.converting import convert_file, described

    report = convert_file(source, target, half=half)
    print_summary(report.to_json(), described(report), as_json=json)
