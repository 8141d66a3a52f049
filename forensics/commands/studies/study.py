"""`forensics study NAME`: a published study, whole, on any weights file."""

from __future__ import annotations

from typing import Annotated

import typer

from forensics.commands.options import (
    Delta,
    DetectorOrNone,
    Device,
    Direction,
    FacesIfAny,
    Json,
    Network,
    Pack,
    PackRoot,
    Seed,
    Space,
    Step,
    StudyFolder,
    SweepEvery,
    SweepSpace,
    SweepSteps,
    WalkSeed,
    Workers,
)
from forensics.commands.studies.channels import channels
from forensics.commands.studies.equilibrium import equilibrium
from forensics.commands.studies.latent import latent
from forensics.commands.studies.monsters import monsters
from forensics.commands.studies.prune import prune

app = typer.Typer(
    help="A published study, whole: tables, figures and one page. Each takes --out, --seed, --device and --json.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("weights")
def weights(
    file: Network,
    out: StudyFolder,
    steps: SweepSteps = 1000,
    every: SweepEvery = 20,
    images: Annotated[int, typer.Option("-n", min=4, help="Latents of the pruning sweep.")] = 32,
    space: SweepSpace = "w",
    delta: Delta = 10.0,
    pack: FacesIfAny = None,
    pack_root: PackRoot = None,
    detector: DetectorOrNone = "default",
    seed: Seed = 0,
    workers: Workers = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Weight statistics, the pruning sweep and the latent experiments of arXiv 2507.13722."""
    from forensics.core.terminal import print_summary
    from forensics.faces.analyser import pack_if_any
    from forensics.studies.latent.sweeps import LatentPlan
    from forensics.studies.machine import usual_workers
    from forensics.studies.pruning.sweep import SweepPlan
    from forensics.studies.weights.study import WeightPlan, study_weights

    folder = pack_if_any(pack, pack_root)
    probed = {
        "face_pack": None if folder is None else str(folder),
        "detector": None if detector == "none" else detector,
        "device": device,
    }
    pruning = SweepPlan(steps=steps, every=every, images=images, seed=seed, space=space, **probed)  # type: ignore[arg-type]
    moved = LatentPlan(images=min(images, 8), seed=seed, delta=delta, **probed)  # type: ignore[arg-type]
    summary = study_weights(file, out, WeightPlan(pruning, moved), workers=workers or usual_workers(device))
    print_summary(summary.to_json(), summary.lines(), as_json=json)


@app.command("walk")
def walk(
    out: StudyFolder,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CKPT...", help="own-128, own-64, ffhq-1024, or weights files; several: compared."
        ),
    ] = None,
    walks: Annotated[int, typer.Option(min=1, help="Walks a network, each its own random stream.")] = 10,
    n: Annotated[int, typer.Option("-n", min=2, help="Images a walk.")] = 500,
    step: Step = 0.01,
    space: Space = "w",
    direction: Direction = "gaussian",
    pack: Pack = None,
    pack_root: PackRoot = None,
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
    seed: WalkSeed = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes for the monsters; 0: one a processor.")] = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Walks from the mean of W, a face detector on every image: yield, identity, clusters (Riter & Flynn 2025)."""
    from forensics.core.terminal import print_summary
    from forensics.faces.analyser import pack_folder
    from forensics.studies.machine import usual_workers
    from forensics.studies.monsters.plan import MonsterPlan
    from forensics.studies.probes import ProbePlan
    from forensics.studies.walks.study import WalkPlan, study_walk

    plan = WalkPlan(
        walks=walks, length=n, step=step, space=space, direction=direction, seed=seed, device=device
    )
    summary = study_walk(
        files or ["own-128"],
        out,
        plan,
        ProbePlan(str(pack_folder(pack, pack_root)), None if detector == "none" else detector),
        monsters=MonsterPlan(seed=seed, device=device) if with_monsters else None,
        workers=workers or usual_workers(device),
    )
    print_summary(summary.to_json(), summary.lines(), as_json=json)


app.command("monsters")(monsters)
app.command("equilibrium")(equilibrium)
app.command("pruning")(prune)
app.command("channels")(channels)
app.command("latent")(latent)
