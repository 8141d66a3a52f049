"""`forensics latent`: a generator's latent scaled as a whole, and moved one dimension at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import (
    Delta,
    DetectorToo,
    Device,
    FacesToo,
    Json,
    Network,
    PackRoot,
    Seed,
    StudyFolder,
    Workers,
    pack_asked_for,
)


def latent(
    file: Network,
    out: StudyFolder = Path("out/latent"),
    dim: Annotated[
        list[int] | None,
        typer.Option(
            min=0, help="Move only this dimension of w, and write one picture; several are moved together."
        ),
    ] = None,
    delta: Delta = 10.0,
    images: Annotated[
        int, typer.Option("-n", min=4, help="How many latents; every experiment uses the same ones.")
    ] = 8,
    pack: FacesToo = None,
    pack_root: PackRoot = None,
    detector: DetectorToo = None,
    seed: Seed = 0,
    workers: Workers = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Scale w and z, and rank what each dimension of w does; tables, sheets of images and a page."""
    from forensics.core.terminal import print_summary
    from forensics.studies.latent.study import move_dimensions, study_latent
    from forensics.studies.latent.sweeps import LatentPlan
    from forensics.studies.machine import usual_workers

    plan = LatentPlan(
        images=images,
        seed=seed,
        delta=delta,
        face_pack=pack_asked_for(pack, pack_root),
        device=device,
        detector=detector,
    )
    if dim:
        row = move_dimensions(file, dim, out, plan).to_json()
        print_summary(
            row, [f"{name:<18}{value}" for name, value in row.items() if value is not None], as_json=json
        )
        return
    summary = study_latent(file, out, plan, workers=workers or usual_workers(device))
    print_summary(summary.to_json(), summary.lines(), as_json=json)
