"""`forensics walk`: chains of small random steps through a generator's latent space, as a corpus."""

from __future__ import annotations

from typing import Annotated

import typer

from forensics.commands.options import (
    ClassNumber,
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
    n: Annotated[int, typer.Option("-n", min=1, max=1_000_000, help="Images a walk.")] = 500,
    walks: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many walks, each its own random stream.")
    ] = 1,
    space: Space = "w",
    direction: Direction = "gaussian",
    noise: Noise = "const",
    video: Annotated[
        str | None, typer.Option(help="Also a clip of each walk, beside the corpus: mp4 or gif.")
    ] = None,
    fps: Annotated[float, typer.Option(help="Frames a second of the clips.")] = 30.0,
    class_number: ClassNumber = None,
    seed: WalkSeed = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Walk from the mean of W in small random steps; every image's latent, radius and step are kept."""
    from forensics.core.terminal import print_summary
    from forensics.images import check_clip_file
    from forensics.recipes.contract import RecipeInputs
    from forensics.recipes.parts.clips import clip_file, write_walk_clips
    from forensics.recipes.run import CorpusOptions, make_corpus

    if video is not None:
        check_clip_file(clip_file(out, 0, video), fps)
    settings = {"step": step, "walks": walks, "space": space, "direction": direction, "noise": noise}
    inputs = RecipeInputs(n * walks, seed, generator, device, class_number=class_number)
    texts = {name: str(value) for name, value in settings.items()}
    summary = make_corpus(CorpusOptions(out, inputs, "walked", texts, "walk"))
    clips = [] if video is None else [str(path) for path in write_walk_clips(out, video, fps)]
    lines = [f"{summary.corpus}: {summary.images} images, {summary.made_now} made now", *clips]
    facts = summary.to_json() | ({"clips": clips} if clips else {})
    print_summary(facts, lines, as_json=json)
