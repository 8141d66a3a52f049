"""`forensics train`: train a face generator from scratch, or take up a run where it was killed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    out: Annotated[Path, typer.Argument(help="Folder of the run; the same command again resumes it.")],
    data: Annotated[
        list[Path], typer.Option(help="Images to learn from: files, folders, corpora (repeatable).")
    ],
    preset: Annotated[str, typer.Option(help="stylegan2-64, stylegan2-128 or tiny-16.")] = "stylegan2-64",
    kimg: Annotated[float, typer.Option(help="Stop after this many thousand images shown.")] = 100.0,
    snap: Annotated[float, typer.Option(help="Snapshot, log row and samples every this many kimg.")] = 2.0,
    batch: Annotated[int | None, typer.Option(help="Images an iteration.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate of both networks.")] = None,
    gamma: Annotated[float | None, typer.Option(help="Weight of the R1 penalty.")] = None,
    augment: Annotated[
        str | None, typer.Option(help="Augmentation pipeline: noaug, bg, bgc, bgcfnc ...")
    ] = None,
    mirror: Annotated[bool, typer.Option(help="Show images flipped left to right, too.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="Same seed and machine kind, same weights.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print a machine-readable summary.")] = False,
) -> None:
    """Train a StyleGAN2-ADA face generator; killed and rerun, it goes on."""
    from forensics.generators.training.run import run_training
    from forensics.terminal import print_line

    changes = {
        "batch": batch, "lr_g": lr, "lr_d": lr, "r1_gamma": gamma, "augment": augment, "mirror": mirror, "seed": seed,
    }  # fmt: skip
    summary = run_training(out, data, preset, changes, kimg=kimg, snap_kimg=snap, device=device)
    if json:
        from json import dumps

        print_line(dumps(summary, sort_keys=True))
    else:
        print_line(f"{summary['network']}: {summary['kimg']:.1f} kimg")
