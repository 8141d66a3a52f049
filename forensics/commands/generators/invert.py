"""`forensics invert`: photographs in a generator's terms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import NETWORK_NAMES, Device, Json, Paths, folder_to_write


def invert(
    paths: Paths,
    out: Annotated[
        Path,
        typer.Argument(
            help="Folder of the inversions; the same command again makes what is missing.",
            callback=folder_to_write,
        ),
    ],
    to: Annotated[str, typer.Option("--to", help=NETWORK_NAMES)] = "ffhq-256",
    method: Annotated[
        str, typer.Option("--method", help="A name of `forensics methods --kind inverter`.")
    ] = "features",
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Steps of the search. [default: the method's own]")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the noise in the search.")] = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Find the codes whose image comes closest to each photograph; its middle square is taken.

    Writes a photograph's codes (safetensors), reconstruction (PNG), loss curve and numbers, and a sheet of all. Files
    that cannot be read are named on stderr, the rest goes on. Exit code 2 where there were such.
    """
    from forensics.core.terminal import print_summary
    from forensics.examiner.inversion_run import InversionOptions, invert_photographs

    run = invert_photographs(paths, out, to, InversionOptions(method, steps, seed), device)
    lines = [f"{one.path}: {one.psnr:.1f} dB" for one in run.inverted]
    lines.append(f"{run.out}: {len(run.inverted)} inversions, {run.made_now} made now")
    print_summary(run.to_json(), lines, as_json=json)
    if run.failures:
        raise typer.Exit(2)
