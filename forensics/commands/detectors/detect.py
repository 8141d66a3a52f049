"""`forensics detect`: is this photograph synthetic? One line an image, or one JSON object, or a page."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import Detector, Device, Pack, PackRoot, Paths, file_to_write


class FailOn(StrEnum):
    """Which verdict makes the exit code 1."""

    synthetic = "synthetic"


def detect(
    paths: Paths,
    detector: Detector = "default",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an image, one a line.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Also write one self-contained HTML page.", callback=file_to_write)
    ] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option(help="Exit with 1 where an image got this verdict.")
    ] = None,
    no_faces: Annotated[
        bool, typer.Option("--no-faces", help="Look for no faces: scores, no verdicts.")
    ] = False,
    pack: Pack = None,
    pack_root: PackRoot = None,
    include: Annotated[list[str] | None, typer.Option(help="In folders, only files like this glob.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="In folders, no files like this glob.")] = None,
    device: Device = "auto",
) -> None:
    """Say of each image whether it is synthetic: verdict, log10 LR, probability at even prior odds, faces found.

    log10 LR: 0 says nothing, +2 is a hundred times likelier if synthetic, -2 if authentic. Files that cannot be
    read are named on stderr, the rest is examined. Exit code: 0 whatever the verdicts; 2 if a file could not be
    read; with --fail-on synthetic, 1 if an image was called synthetic and every file could be read.
    """
    from forensics.examiner.examination import ExaminationOptions, examine_files

    options = ExaminationOptions(
        paths=tuple(paths),
        detector=detector,
        faces=not no_faces,
        pack=pack,
        pack_root=pack_root,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        device=device,
        report=report,
    )
    outcome = examine_files(options, as_json=as_json)
    if outcome.failed:
        raise typer.Exit(2)
    if fail_on is not None and outcome.verdicts[fail_on.value]:
        raise typer.Exit(1)
