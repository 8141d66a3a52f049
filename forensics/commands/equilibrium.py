"""`forensics study equilibrium`: D(x) against D(G(z)) over the snapshots of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def equilibrium(
    snapshots: Annotated[
        list[Path],
        typer.Argument(help="Weights files with G and D of one run, or the run's folder (its own log)."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the figure; the same command again resumes it.")],
    data: Annotated[
        Path | None, typer.Option(help="Photographs: a folder, a corpus or a zip archive.")
    ] = None,
    images: Annotated[int, typer.Option("-n", min=8, help="Photographs at most, and latents.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the latents.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one a processor.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print a machine-readable summary.")] = False,
) -> None:
    """Histograms of what the discriminator says of photographs and of generated images, with their overlap."""
    from json import dumps

    from forensics.generators.interrogate.equilibrium import EquilibriumPlan
    from forensics.generators.interrogate.resumable import usual_workers
    from forensics.report.equilibrium import study_equilibrium, summary_lines
    from forensics.terminal import print_line, printable

    plan = EquilibriumPlan(images, seed, device)
    summary = study_equilibrium(snapshots, out, data, plan, workers=workers or usual_workers(device))
    for line in [dumps(summary, sort_keys=True)] if json else summary_lines(summary):
        print_line(printable(line))
