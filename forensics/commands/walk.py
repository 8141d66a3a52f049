"""`forensics walk`: chains of small random steps through a generator's latent space, as a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def walk(
    out: Annotated[Path, typer.Argument(help="Folder of the corpus; the same command again resumes it.")],
    generator: Annotated[str, typer.Option(help="default, default-64, or a weights file.")] = "default",
    step: Annotated[
        float, typer.Option(help="Size of a step; in s in standard deviations of each style.")
    ] = 0.01,
    n: Annotated[int, typer.Option("-n", min=1, help="Images a walk.")] = 500,
    walks: Annotated[int, typer.Option(min=1, help="How many walks, each its own random stream.")] = 1,
    space: Annotated[str, typer.Option(help="w, z, w+ (a w for every layer) or s (style scales).")] = "w",
    direction: Annotated[str, typer.Option(help="gaussian, momentum or fixed.")] = "gaussian",
    noise: Annotated[str, typer.Option(help="Per-pixel noise: const, random or none.")] = "const",
    seed: Annotated[int, typer.Option(min=0, help="Walk k is a function of (seed, k).")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print a machine-readable summary.")] = False,
) -> None:
    """Walk from the mean of W in small random steps; every image's latent, radius and step are kept."""
    from forensics.generators.recipes.run import run_walk
    from forensics.terminal import print_line

    options = {"step": step, "length": n, "walks": walks, "space": space, "direction": direction}
    summary = run_walk(out, generator, noise=noise, seed=seed, device=device, **options)
    if json:
        from json import dumps

        print_line(dumps(summary, sort_keys=True))
    else:
        print_line(f"{summary['corpus']}: {summary['images']} images, {summary['made_now']} made now")
