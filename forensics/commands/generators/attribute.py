"""`forensics attribute`: which network made an image, and from which seed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import NETWORK_NAMES, Device, Paths


def attribute(
    paths: Paths,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", help=f"{NETWORK_NAMES} Repeat for several. [default: ffhq-256]"),
    ] = None,
    seeds: Annotated[
        str, typer.Option(help="Seeds that are searched, by this toolkit's rule and by NVIDIA's.")
    ] = "0-99999",
    encoder: Annotated[
        Path | None, typer.Option(help="Folder that `fit-encoder` wrote, for a network that none ships for.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an image, one a line.")] = False,
    device: Device = "auto",
) -> None:
    """Search the seeds of generators for the one an image came from, and prove it by making the image again.

    The first search of a network computes where its seeds lie, some minutes for a million; later ones take a second an
    image. Files that cannot be read are named on stderr; the exit code is then 2.
    """
    from forensics.examiner.attribution import attribute_files

    if attribute_files(tuple(paths), tuple(to or ["ffhq-256"]), seeds, encoder, device, as_json=as_json):
        raise typer.Exit(2)
