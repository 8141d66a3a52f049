"""`forensics inspect`: what is inside a weights file, without running anything in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def inspect(
    file: Annotated[Path, typer.Argument(help="NVIDIA .pkl, rosinality or SrcNet .pt, or .safetensors.")],
    json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """Architecture, size, classes, parameters and hashes of the networks in a weights file."""
    from forensics.generators.checkpoints.inspecting import described, inspect_file
    from forensics.terminal import print_line, printable

    facts = inspect_file(file)
    if json:
        from json import dumps

        print_line(dumps(facts, sort_keys=True))
        return
    for line in described(facts):
        print_line(printable(line))
