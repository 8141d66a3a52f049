"""`forensics train`: train a face generator from scratch or from a checkpoint, or take up a run where it was killed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import Json, folder_to_write

Out = Annotated[
    Path | None,
    typer.Argument(
        help="Folder of the run; the same command again resumes it.",
        callback=folder_to_write,
        show_default=False,
    ),
]
Data = Annotated[
    list[str] | None,
    typer.Option(help="Images: file, folder, zip, corpus, celeba:ROOT or mnist:ROOT (repeatable)."),
]
LeaveOut = Annotated[
    Path | None, typer.Option(help="Text file of images not to train on: a line, the end of a path.")
]
Preset = Annotated[
    str | None,
    typer.Option(
        help="A whole recipe: own-64 and own-128 (what ships), stylegan2-64 (default), stylegan2-128, both with "
        "-projected, -glo or -continued, stylegan2-ada (auto), paper256, ffhq1024, stylegan3-t, stylegan3-r, stylegan, "
        "progan, srcnet-celeba, tiny-16. --dry-run shows one."
    ),
]
Kimg = Annotated[
    float | None,
    typer.Option(min=0, help="Stop after this many thousand images shown; without it, as the preset has it."),
]
Snap = Annotated[
    float | None,
    typer.Option(
        help="Snapshot, log row and samples every this many kimg; without it, as the preset has it."
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        help="Begin with this network (own-64, or a .pkl, .pt, .safetensors): its shape is kept, or "
        "with --preset what fits. Without it own-64 and own-128 train what they begin with first."
    ),
]
Resolution = Annotated[int | None, typer.Option(help="Pixels a side, where the preset leaves it open.")]
Batch = Annotated[int | None, typer.Option(help="Images an iteration, over all ranks.")]
Rate = Annotated[float | None, typer.Option(help="Learning rate of both networks, in every phase.")]
Gamma = Annotated[float | None, typer.Option(help="Weight of the R1 penalty.")]
Augment = Annotated[str | None, typer.Option(help="Augmentation pipeline: noaug, bg, bgc, bgcfnc ...")]
FreezeD = Annotated[int | None, typer.Option(min=0, help="Discriminator layers to keep, from the image.")]
Conditional = Annotated[bool, typer.Option("--cond", help="Condition on classes: one folder each.")]
Mirror = Annotated[bool | None, typer.Option(help="Show images flipped left to right, too.")]
Metrics = Annotated[
    float,
    typer.Option(min=0, help="KID, precision and recall every this many kimg and at the end; 0: never."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other option of the run, as its training-options.json names it.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the resolved recipe as JSON, and do nothing.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed and machine kind, same weights.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N; with torchrun each rank its own.")]


def train(
    out: Out = None,
    data: Data = None,
    leave_out: LeaveOut = None,
    preset: Preset = None,
    kimg: Kimg = None,
    snap: Snap = None,
    resume: Resume = None,
    resolution: Resolution = None,
    batch: Batch = None,
    lr: Rate = None,
    gamma: Gamma = None,
    augment: Augment = None,
    freeze_d: FreezeD = None,
    cond: Conditional = False,
    mirror: Mirror = None,
    metrics: Metrics = 0.0,
    setting: Settings = None,
    dry_run: DryRun = False,
    seed: Seed = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Train a face generator; killed and rerun, it goes on. Files that cannot be read are named; the exit code is 2.

    On several GPUs: torchrun --nproc-per-node N --no-python forensics train ...
    """
    from forensics.core.errors import ForensicsError
    from forensics.core.terminal import print_json, print_summary
    from forensics.generators.training.options import settings
    from forensics.generators.training.run import Request, recipe, run_training

    changes = {
        "resolution": resolution, "batch": batch, "lr_g": lr, "lr_d": lr, "r1_gamma": gamma, "augment": augment,
        "freeze_d": freeze_d, "mirror": mirror, "seed": seed,
    } | settings(setting or [])  # fmt: skip
    request = Request(
        data or [],
        preset or ("stylegan2-ada" if resume else "stylegan2-64"),
        changes,
        kimg=kimg,
        snap_kimg=snap,
        start=resume,
        keep_preset=preset is not None,
        conditional=cond,
        metrics_kimg=metrics,
        device=device,
        leave_out=leave_out,
    )
    if dry_run:
        print_json(recipe(request))
        return
    if out is None or not data:
        raise ForensicsError("train needs a folder to train in, and --data; --dry-run needs neither")
    summary = run_training(out, request)
    if summary is None:  # another rank speaks
        return
    print_summary(summary.to_json(), [f"{summary.network}: {summary.kimg:.1f} kimg"], as_json=json)
    if summary.images.rejected:
        raise typer.Exit(2)
