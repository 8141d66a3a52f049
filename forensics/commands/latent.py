"""`forensics latent`: a generator's latent scaled as a whole, and moved one dimension at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def latent(
    file: Annotated[str, typer.Argument(help="default, default-64, or a weights file.")],
    out: Annotated[Path, typer.Option(help="Folder of the study; the same command again resumes it.")] = Path(
        "out/latent"
    ),
    dim: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Only this dimension of w (several: together): one picture."),
    ] = None,
    delta: Annotated[float, typer.Option(help="How far single dimensions are moved.")] = 10.0,
    images: Annotated[int, typer.Option("-n", min=4, help="Latents, the same everywhere.")] = 8,
    pack: Annotated[str | None, typer.Option(help="InsightFace pack (name or folder): faces too.")] = None,
    detector: Annotated[
        str | None, typer.Option(help="Detector (default or a folder): its change too.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the latents.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one a processor.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print a machine-readable summary.")] = False,
) -> None:
    """Scale w and z, and rank what each dimension of w does; tables, sheets of images and a page."""
    from json import dumps

    from forensics.generators.interrogate.latent import LatentPlan
    from forensics.generators.interrogate.resumable import usual_workers
    from forensics.report.latent import single_dimensions, summary_lines, write_latent
    from forensics.terminal import print_line

    plan = LatentPlan(images, seed, delta, pack, device, detector)
    if dim:
        summary = single_dimensions(file, dim, out, plan)
    else:
        summary = write_latent(file, out, plan, workers=workers or usual_workers(device))
    for line in [dumps(summary, sort_keys=True)] if json else summary_lines(summary):
        print_line(line)
