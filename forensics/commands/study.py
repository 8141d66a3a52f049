"""`forensics study NAME`: a published study, whole, on any weights file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from forensics.commands.equilibrium import equilibrium
from forensics.commands.monsters import monsters

app = typer.Typer(
    help="A published study, whole: tables, figures and one page. Each takes --out, --seed, --device and --json.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("weights")
def weights(
    file: Annotated[str, typer.Argument(help="default, default-64, or a weights file.")],
    out: Annotated[Path, typer.Option(help="Folder of the study; the same command again resumes it.")],
    steps: Annotated[int, typer.Option(min=1, help="Pruning thresholds from 0 to 1 by 1 / steps.")] = 1000,
    every: Annotated[int, typer.Option(min=1, help="Grids, KID, faces: every so many thresholds.")] = 20,
    images: Annotated[int, typer.Option("-n", min=4, help="Latents of the pruning sweep.")] = 32,
    space: Annotated[
        str, typer.Option(help="What stays the same under pruning: w (as published) or z.")
    ] = "w",
    delta: Annotated[float, typer.Option(help="How far single dimensions of w are moved.")] = 10.0,
    pack: Annotated[
        str | None, typer.Option(help="InsightFace pack (name or folder): face curves too.")
    ] = None,
    detector: Annotated[
        str | None, typer.Option(help="Detector (default or a folder): its curve too.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the latents.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one a processor.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print a machine-readable summary.")] = False,
) -> None:
    """Weight statistics, the pruning sweep and the latent experiments of arXiv 2507.13722."""
    from forensics.generators.interrogate.latent import LatentPlan
    from forensics.generators.interrogate.pruning_sweep import SweepPlan
    from forensics.generators.interrogate.resumable import usual_workers
    from forensics.report.study_weights import WeightStudy, study_weights, summary_lines

    pruning = SweepPlan(1.0, steps, every, images, seed, space, pack, detector, device)
    study = WeightStudy(pruning, LatentPlan(min(images, 8), seed, delta, pack, device))
    summary = study_weights(file, out, study, workers=workers or usual_workers(device))
    _print(summary, summary_lines(summary), json)


@app.command("walk")
def walk(
    out: Annotated[Path, typer.Option(help="Folder of the study; the same command again resumes it.")],
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="CKPT...", help="default, default-64, or weights files; several: compared."),
    ] = None,
    walks: Annotated[int, typer.Option(min=1, help="Walks a network, each its own random stream.")] = 10,
    n: Annotated[int, typer.Option("-n", min=2, help="Images a walk.")] = 500,
    step: Annotated[
        float, typer.Option(help="Size of a step; in s in standard deviations of each style.")
    ] = 0.01,
    space: Annotated[str, typer.Option(help="w, z, w+ (a w for every layer) or s (style scales).")] = "w",
    direction: Annotated[str, typer.Option(help="gaussian, momentum or fixed.")] = "gaussian",
    pack: Annotated[
        str | None, typer.Option(help="InsightFace pack (FORENSICS_FACE_PACK, else buffalo_l).")
    ] = None,
    pack_root: Annotated[
        Path | None, typer.Option(help="Folder with models/PACK (FORENSICS_FACE_ROOT, else ~/.insightface).")
    ] = None,
    detector: Annotated[
        str, typer.Option(help="Detector (default or a folder) that scores every image too, or none.")
    ] = "default",
    with_monsters: Annotated[
        bool,
        typer.Option(
            "--monsters/--no-monsters",
            help="How far from the mean until the face is lost, in many directions.",
        ),
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Walk k is a function of (seed, k).")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes for the monsters; 0: one a processor.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print a machine-readable summary.")] = False,
) -> None:
    """Walks from the mean of W, a face detector on every image: yield, identity, clusters (Riter & Flynn 2025)."""
    from forensics.generators.interrogate.monsters_options import MonsterOptions
    from forensics.generators.interrogate.resumable import usual_workers
    from forensics.report.study_walk import WalkStudy, study_walk, summary_lines

    how = MonsterOptions(seed=seed, workers=workers or usual_workers(device)) if with_monsters else None
    judge = None if detector == "none" else detector
    study = WalkStudy(walks, n, step, space, direction, "const", seed, pack, pack_root, judge, device, how)
    summary = study_walk(files or ["default"], out, study)
    _print(summary, summary_lines(summary), json)


app.command("monsters")(monsters)
app.command("equilibrium")(equilibrium)


def _print(summary: dict[str, Any], lines: list[str], json: bool) -> None:
    from json import dumps

    from forensics.terminal import print_line

    for line in [dumps(summary, sort_keys=True)] if json else lines:
        print_line(line)
