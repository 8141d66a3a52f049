"""`forensics generate-corpus`: a labelled corpus of synthetic faces, and authentic ones beside them if wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import ClassNumber, CorpusFolder, Device, Json, NetworkOption

_MOST_IMAGES = 10_000_000


def generate_corpus(
    out: CorpusFolder,
    generator: NetworkOption = "own-128",
    n: Annotated[
        int, typer.Option("-n", min=1, max=_MOST_IMAGES, help="How many faces (of photographs: at most).")
    ] = 1000,
    recipe: Annotated[
        str, typer.Option(help="How each face is made; `forensics methods --kind recipe` lists them.")
    ] = "sampled",
    psi: Annotated[
        float | None,
        typer.Option(
            help="Truncation, where the recipe has it: 1 is the full variety, 0 the mean face (0.7)."
        ),
    ] = None,
    noise: Annotated[
        str | None,
        typer.Option(
            "--noise", help="Per-pixel noise, where the recipe has it: const, random or none (const)."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Another setting of the recipe; repeat for more."),
    ] = None,
    real: Annotated[
        Path | None,
        typer.Option(help="Photographs: what the recipe is made of, or else added beside at the same size."),
    ] = None,
    class_number: ClassNumber = None,
    seed: Annotated[int, typer.Option(min=0, help="Image i is a function of (seed, i).")] = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Make a corpus: images, a manifest of how each was made, latents; resumable, same seed same bytes.

    Photographs that cannot be used are named and left out, and the exit code is then 2.
    """
    from forensics.core.terminal import print_summary
    from forensics.recipes.contract import RecipeInputs
    from forensics.recipes.run import CorpusOptions, make_corpus
    from forensics.recipes.settings import read_pairs

    given = {"psi": None if psi is None else str(psi), "noise": noise}
    pairs = read_pairs([*(settings or ()), *(f"{k}={v}" for k, v in given.items() if v is not None)])
    inputs = RecipeInputs(n, seed, generator, device, real, class_number)
    summary = make_corpus(CorpusOptions(out, inputs, recipe, pairs))
    line = f"{summary.corpus}: {summary.images} images, {summary.made_now} made now"
    print_summary(summary.to_json(), [line], as_json=json)
    if summary.rejected:
        raise typer.Exit(2)
