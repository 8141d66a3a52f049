"""`forensics study equilibrium`: D(x) against D(G(z)) over the snapshots of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import Device, Json, Seed, Workers, folder_to_write


def equilibrium(
    snapshots: Annotated[
        list[Path],
        typer.Argument(help="Weights files with G and D of one run, or the run's folder (its own log)."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Folder of the figure; the same command again resumes it.", callback=folder_to_write
        ),
    ],
    data: Annotated[
        Path | None, typer.Option(help="Photographs: a folder, a corpus or a zip archive.")
    ] = None,
    images: Annotated[int, typer.Option("-n", min=8, help="Photographs at most, and latents.")] = 400,
    seed: Seed = 0,
    workers: Workers = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Histograms of what the discriminator says of photographs and of generated images, with their overlap."""
    from forensics.core.terminal import print_summary
    from forensics.studies.equilibrium.measurement import EquilibriumPlan
    from forensics.studies.equilibrium.study import study_equilibrium
    from forensics.studies.machine import usual_workers

    plan = EquilibriumPlan(images, seed, device)
    summary = study_equilibrium(snapshots, out, data, plan, workers=workers or usual_workers(device))
    print_summary(summary.to_json(), summary.lines(), as_json=json)
