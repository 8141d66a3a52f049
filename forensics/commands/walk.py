"""`forensics walk`: chains of small random steps through a generator's latent space, as a corpus."""

from __future__ import annotations

from typing import Annotated

import typer

from forensics.commands.options import (
    CorpusFolder,
    Device,
    Direction,
    Json,
    NetworkOption,
    Noise,
    Space,
    Step,
    WalkSeed,
)


def walk(
    out: CorpusFolder,
    generator: NetworkOption = "own-128",
    step: Step = 0.01,
    n: Annotated[int, typer.Option("-n", min=1, help="Images a walk.")] = 500,
    walks: Annotated[int, typer.Option(min=1, help="How many walks, each its own random stream.")] = 1,
    space: Space = "w",
    direction: Direction = "gaussian",
    noise: Noise = "const",
    seed: WalkSeed = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Walk from the mean of W in small random steps; every image's latent, radius and step are kept."""
    from forensics.core.terminal import print_summary
    from forensics.recipes.run import run_walk

    options = {"step": step, "length": n, "walks": walks, "space": space, "direction": direction}
    summary = run_walk(out, generator, noise=noise, seed=seed, device=device, **options)
    line = f"{summary['corpus']}: {summary['images']} images, {summary['made_now']} made now"
    print_summary(summary, [line], as_json=json)
