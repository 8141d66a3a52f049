"""`forensics align`: faces laid as FFHQ's are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import Json, Paths, folder_to_write


def align(
    paths: Paths,
    out: Annotated[Path, typer.Argument(help="Folder of the aligned photographs.", callback=folder_to_write)],
    size: Annotated[int, typer.Option("--size", min=8, max=4096, help="Side of the result, px.")] = 256,
    crop: Annotated[
        str,
        typer.Option(
            "--crop", help="ffhq (by eyes and mouth), centre (the middle square), or none (all, squeezed)."
        ),
    ] = "ffhq",
    json: Json = False,
) -> None:
    """Align the best face of each photograph as FFHQ's are; a JSON beside each PNG keeps the way back.

    Photographs that cannot be read, and those without a face, are named on stderr, and the exit code is 2.
    """
    from forensics.core.terminal import print_summary
    from forensics.examiner.alignment_run import align_photographs

    run = align_photographs(paths, out, size, crop)
    line = f"{run.out}: {len(run.photographs)} aligned, {len(run.failures)} not"
    print_summary(run.to_json(), [line], as_json=json)
    if run.failures:
        raise typer.Exit(2)
