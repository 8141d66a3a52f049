"""`forensics study monsters`: how far from the mean latent until a generator's face is lost."""

from __future__ import annotations

from typing import Annotated

import typer

from forensics.commands.options import (
    DetectorOrNone,
    Device,
    Json,
    Network,
    Pack,
    PackRoot,
    StudyFolder,
    Workers,
)


def monsters(
    file: Network,
    out: StudyFolder,
    pack: Pack = None,
    pack_root: PackRoot = None,
    detector: DetectorOrNone = "default",
    random: Annotated[int, typer.Option(min=0, help="Random directions in W.")] = 64,
    mapped: Annotated[int, typer.Option(min=0, help="Directions from w_avg towards f(z).")] = 64,
    components: Annotated[
        int, typer.Option(min=-1, help="First principal components, both signs; -1: all.")
    ] = 32,
    dimensions: Annotated[
        int, typer.Option(min=-1, help="Single dimensions of w, drawn, both signs; -1: all.")
    ] = 32,
    styles: Annotated[
        int, typer.Option(min=-1, help="Channels of S, drawn from all layers, both signs; -1: all.")
    ] = 56,
    max_radius: Annotated[
        float, typer.Option(help="Directions that keep the face so far are censored.")
    ] = 16,
    threshold: Annotated[float, typer.Option(help="A face score under it is a monster.")] = 0.5,
    step: Annotated[
        list[float] | None, typer.Option(help="Step size of walks; give several. [default: 0.01, 0.1, 1]")
    ] = None,
    walks: Annotated[int, typer.Option(min=0, help="Walks of each step size.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Seed of directions, draws and walks.")] = 0,
    workers: Workers = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Search many directions for the first image without a face; map, walks, galleries, and the detector's rates."""
    from forensics.core.terminal import print_summary
    from forensics.faces.analyser import pack_folder
    from forensics.studies.machine import usual_workers
    from forensics.studies.monsters.plan import MonsterPlan
    from forensics.studies.monsters.study import study_monsters
    from forensics.studies.probes import ProbePlan

    plan = MonsterPlan(
        seed=seed,
        threshold=threshold,
        random=random,
        mapped=mapped,
        components=components,
        dimensions=dimensions,
        styles=styles,
        max_radius=max_radius,
        steps=tuple(step) if step else MonsterPlan.steps,
        walks=walks,
        device=device,
    )
    probe = ProbePlan(str(pack_folder(pack, pack_root)), None if detector == "none" else detector)
    summary = study_monsters(file, out, plan, probe, workers=workers or usual_workers(device))
    print_summary(summary.to_json(), summary.lines(), as_json=json)
