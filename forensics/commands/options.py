"""Options that several commands take, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

NETWORK_NAMES = "ffhq-1024, -512, -256, -128, -64, own-128, own-64, or a weights file."

Network = Annotated[str, typer.Argument(help=NETWORK_NAMES)]
NetworkOption = Annotated[str, typer.Option("--generator", help=NETWORK_NAMES)]
Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Image files and folders.")]


def folder_to_write(folder: Path | None) -> Path | None:
    """An option's folder, checked before any work begins: the result can be written there."""
    from forensics.core.outputs import check_folder

    return None if folder is None else check_folder(folder)


def file_to_write(file: Path | None) -> Path | None:
    """An option's file, checked before any work begins: the result can be written there."""
    from forensics.core.outputs import check_file

    return None if file is None else check_file(file)


CorpusFolder = Annotated[
    Path,
    typer.Argument(help="Folder of the corpus; the same command again resumes it.", callback=folder_to_write),
]
StudyFolder = Annotated[
    Path,
    typer.Option(
        "--out", help="Folder of the study; the same command again resumes it.", callback=folder_to_write
    ),
]

Step = Annotated[
    float,
    typer.Option(
        "--step", help="Size of a step in units of the space; in s, in standard deviations of each style."
    ),
]
Space = Annotated[str, typer.Option("--space", help="w, z, w+ (a w for every layer) or s (style scales).")]
Direction = Annotated[
    str,
    typer.Option(
        "--direction",
        help="How steps follow each other: gaussian (each drawn anew), momentum (each keeps 0.9 of the last), or "
        "fixed (all alike).",
    ),
]
Noise = Annotated[str, typer.Option("--noise", help="Per-pixel noise: const, random or none.")]
ClassNumber = Annotated[
    int | None,
    typer.Option(
        "--class", min=0, help="Class of a conditional network, from 0 on; such a network needs one."
    ),
]

Corpora = typer.Argument(metavar="CORPUS...", help="Corpora, or trees with real/ and fake.../ folders.")
TrimBottom = Annotated[
    float,
    typer.Option(
        "--trim-bottom",
        min=0.0,
        max=0.5,
        help="For training (benchmark: with --matrix), share of the height to cut off every image's bottom, where "
        "captions are.",
    ),
]
JpegBefore = Annotated[
    int,
    typer.Option(
        "--jpeg-before",
        min=0,
        max=100,
        help="For training (benchmark: with --matrix): save every generated image as a JPEG of this quality at 1024 px "
        "first, as the photographs were before they came here (0: do not).",
    ),
]

SweepSteps = Annotated[
    int, typer.Option("--steps", min=1, help="How many steps the threshold takes from 0 to the last.")
]
SweepEvery = Annotated[
    int,
    typer.Option(
        "--every",
        min=1,
        help="Make images, and measure KID, faces and detector, at every so many thresholds.",
    ),
]
SweepSpace = Annotated[
    str,
    typer.Option(
        "--space",
        help="What is held fixed while weights are pruned: the w of the whole network (as published), or z.",
    ),
]
Delta = Annotated[float, typer.Option("--delta", help="How far single dimensions of w are moved.")]

Pack = Annotated[
    str | None, typer.Option("--pack", help="InsightFace pack (FORENSICS_FACE_PACK, else buffalo_l).")
]
PackRoot = Annotated[
    Path | None,
    typer.Option("--pack-root", help="Folder with models/PACK (FORENSICS_FACE_ROOT, else ~/.insightface)."),
]
FacesToo = Annotated[
    str | None,
    typer.Option("--pack", help="InsightFace pack (name or folder): also measure what becomes of the faces."),
]
FacesIfAny = Annotated[
    str | None,
    typer.Option(
        "--pack",
        help="InsightFace pack (name or folder), or none; not given: the usual pack, if it is installed.",
    ),
]
Detector = Annotated[
    str, typer.Option("--detector", help="`default`, `without-clip`, or a folder that train-detector wrote.")
]
DetectorOrNone = Annotated[
    str, typer.Option("--detector", help="`default`, a folder that train-detector wrote, or none.")
]
DetectorToo = Annotated[
    str | None,
    typer.Option(
        "--detector", help="`default` or a folder that train-detector wrote: also score every image with it."
    ),
]

Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the latents.")]
WalkSeed = Annotated[int, typer.Option("--seed", min=0, help="Walk k is a function of (seed, k).")]
Workers = Annotated[
    int, typer.Option("--workers", min=0, help="Worker processes; 0: one for each processor.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Json = Annotated[bool, typer.Option("--json", help="Print a machine-readable summary.")]


def pack_asked_for(pack: str | None, root: Path | None) -> str | None:
    """The folder of the pack that --pack or --pack-root name; None where neither is given."""
    from forensics.faces.analyser import pack_folder

    return None if pack is None and root is None else str(pack_folder(pack, root))


def whole_numbers(option: str, text: str) -> tuple[int, ...]:
    """The numbers of a comma-separated list; empty where the text is. typer.BadParameter: it is no such list."""
    try:
        return tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no list of whole numbers such as 100,200", param_hint=option
        ) from error


def numbers(option: str, text: str, count: int) -> tuple[float, ...]:
    """`count` numbers out of a comma-separated list; none where the text is empty. typer.BadParameter: no such list."""
    try:
        values = tuple(float(part) for part in text.split(",")) if text.strip() else ()
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no list of numbers such as 0.5,0.5", param_hint=option
        ) from error
    if values and len(values) != count:
        raise typer.BadParameter(f"{text!r} has {len(values)} numbers; give {count}", param_hint=option)
    return values
