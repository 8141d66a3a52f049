"""`forensics study monsters`: how far from the mean latent until a generator's face is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def monsters(
    file: Annotated[str, typer.Argument(help="default, default-64, or a weights file.")],
    out: Annotated[Path, typer.Option(help="Folder of the study; the same command again resumes it.")],
    pack: Annotated[
        str | None, typer.Option(help="InsightFace pack (FORENSICS_FACE_PACK, else buffalo_l).")
    ] = None,
    pack_root: Annotated[
        Path | None,
        typer.Option(help="Folder with models/PACK (FORENSICS_FACE_ROOT, else ~/.insightface)."),
    ] = None,
    detector: Annotated[str, typer.Option(help="Detector (default or a folder), or none.")] = "default",
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
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one a processor.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print a machine-readable summary.")] = False,
) -> None:
    """Search many directions for the first image without a face; map, walks, galleries, and the detector's rates."""
    from json import dumps

    from forensics.detectors.base import load_detector
    from forensics.detectors.faces import load_faces
    from forensics.generators.base import load_generator
    from forensics.generators.interrogate.resumable import usual_workers
    from forensics.report.monsters import MonsterOptions, study_monsters, summary_lines
    from forensics.terminal import print_line

    options = MonsterOptions(
        seed=seed,
        threshold=threshold,
        random=random,
        mapped=mapped,
        components=components,
        dimensions=dimensions,
        styles=styles,
        max_radius=max_radius,
        steps=tuple(step) if step else MonsterOptions.steps,
        walks=walks,
        workers=workers or usual_workers(device),
    )
    generator, faces = load_generator(file, device), load_faces(pack, pack_root)
    judge = None if detector == "none" else load_detector(detector)
    summary = study_monsters(generator, faces, judge, out, options)
    for line in [dumps(summary, sort_keys=True)] if json else summary_lines(summary):
        print_line(line)
