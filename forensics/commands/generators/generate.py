"""`forensics generate`: pictures of chosen seeds, sheets of them, and clips from seed to seed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import NETWORK_NAMES, ClassNumber, Device, Json, Noise, folder_to_write


def generate(
    out: Annotated[
        Path,
        typer.Argument(
            help="Folder of the pictures; the same command again makes what is missing.",
            callback=folder_to_write,
        ),
    ],
    network: Annotated[str, typer.Option("--network", "--generator", help=NETWORK_NAMES)] = "ffhq-256",
    seeds: Annotated[str, typer.Option(help="Seeds and ranges of them, such as 0-35,44,78.")] = "0-35",
    psi: Annotated[float, typer.Option(help="Truncation: 1 is the full variety, 0 the mean face.")] = 0.7,
    class_number: ClassNumber = None,
    seed_rule: Annotated[
        str,
        typer.Option(help="What a seed means: own (as explore's, picture 0), or nvidia (RandomState(seed))."),
    ] = "own",
    noise: Noise = "const",
    grid: Annotated[
        str | None, typer.Option(help="Columns and rows of the sheet, such as 6x6. [default: a square]")
    ] = None,
    sheet: Annotated[
        list[str] | None,
        typer.Option(
            help="Also a sheet: noise (no noise, the file's, three draws, where 16 draws differ) or psi (-1 to 1.25); "
            "repeat for both."
        ),
    ] = None,
    video: Annotated[str | None, typer.Option(help="Also a clip from seed to seed: mp4 or gif.")] = None,
    frames: Annotated[int, typer.Option(min=1, max=10_000, help="Frames from one seed to the next.")] = 60,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 30.0,
    path: Annotated[
        str, typer.Option(help="Way of the clip: w (straight) or z (along the great circle).")
    ] = "w",
    loop: Annotated[bool, typer.Option("--loop", help="The clip returns to its first seed.")] = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Make the pictures of seeds: a PNG each, a sheet, and if wanted sheets of noise and psi and a clip."""
    from forensics.core.terminal import print_summary
    from forensics.generators.pictures.interpolation import Film
    from forensics.generators.pictures.run import PictureOptions, make_pictures
    from forensics.generators.pictures.seeds import Drawing, read_seeds

    options = PictureOptions(
        out,
        read_seeds(seeds),
        Drawing(psi, seed_rule, noise),
        grid,
        tuple(sheet or ()),
        video,
        Film(frames, fps, path, loop),
    )
    made = make_pictures(network, options, device, class_number)
    lines = [f"{made.out}: {made.pictures} pictures, {made.made_now} made now"]
    lines += [str(written) for written in made.sheets]
    if made.video is not None:
        lines.append(f"{made.video}: {made.frames} frames")
    print_summary(made.to_json(), lines, as_json=json)
