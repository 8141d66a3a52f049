"""`forensics generate-corpus`: a labelled corpus of synthetic faces, and authentic ones beside them if wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import CorpusFolder, Device, Json, NetworkOption, Noise


def generate_corpus(
    out: CorpusFolder,
    generator: NetworkOption = "own-128",
    n: Annotated[int, typer.Option("-n", min=1, help="How many synthetic faces (rebuilt: at most).")] = 1000,
    psi: Annotated[float, typer.Option(help="Truncation: 1 is the full variety, 0 the mean face.")] = 0.7,
    recipe: Annotated[
        str,
        typer.Option(
            help="How each face is made: synthesis, or rebuilt (a photograph of --real, halved and up-sampled)."
        ),
    ] = "synthesis",
    noise: Noise = "const",
    real: Annotated[
        Path | None,
        typer.Option(help="Photographs to add at the same size; with --recipe rebuilt, to rebuild."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Image i is a function of (seed, i).")] = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Make a corpus: images, a manifest of how each was made, latents; resumable, same seed same bytes.

    Photographs that cannot be read are named and left out, and the exit code is then 2.
    """
    from forensics.core.terminal import print_summary
    from forensics.recipes.run import run_generate_corpus

    summary = run_generate_corpus(
        out, generator, count=n, psi=psi, recipe=recipe, noise=noise, real=real, seed=seed, device=device
    )
    line = f"{summary['corpus']}: {summary['images']} images, {summary['made_now']} made now"
    print_summary(summary, [line], as_json=json)
    if summary["rejected"]:
        raise typer.Exit(2)
