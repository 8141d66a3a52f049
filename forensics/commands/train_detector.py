"""`forensics train-detector`: fit a detector to labelled corpora and calibrate it on images that it never saw."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Kind(StrEnum):
    """What can be trained."""

    frequency = "frequency"
    cnn = "cnn"
    npr = "npr"
    ensemble = "ensemble"


def train_detector(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write the detector to.")],
    corpora: Annotated[
        list[Path],
        typer.Argument(metavar="CORPUS...", help="Corpora, or trees with real/ and fake.../ folders."),
    ],
    kind: Annotated[Kind, typer.Option("--kind", help="What to train.")] = Kind.ensemble,
    authentic: Annotated[
        list[Path] | None,
        typer.Option(
            "--authentic", metavar="DIR", help="A folder of photographs; may be given several times."
        ),
    ] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", min=0.01, help="Passes over the images, for the networks.")
    ] = None,
    trim_bottom: Annotated[
        float,
        typer.Option(
            "--trim-bottom",
            min=0.0,
            max=0.5,
            help="Share of the height to cut off every image's bottom, where captions are.",
        ),
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the split and of every draw.")] = 0,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    work: Annotated[
        Path | None, typer.Option("--work", metavar="DIR", help="Where checkpoints go (default: OUT.work).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as one JSON object.")] = False,
) -> None:
    """Train a detector, calibrate it on a fifth of the images that training never sees, and fix its thresholds there.

    Run again after a kill with the same options, it goes on from its last checkpoint.
    """
    import json

    from forensics.detectors.fitting_run import Request, run
    from forensics.terminal import print_line

    request = Request(
        out, tuple(corpora), kind.value, tuple(authentic or ()), epochs, trim_bottom, seed, device, work
    )
    summary = run(request)
    if as_json:
        print_line(json.dumps(summary))
    else:
        print_line(
            f"{out}: {summary['id']}, trained on {summary['training_images']} images, calibrated on "
            f"{summary['calibration_images']}"
        )
    if summary["failures"]:
        raise typer.Exit(2)
