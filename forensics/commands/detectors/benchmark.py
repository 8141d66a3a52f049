"""`forensics benchmark`: how well detectors do on a labelled corpus, honestly."""

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import (
    Corpora,
    Device,
    JpegBefore,
    Json,
    TrimBottom,
    folder_to_write,
    whole_numbers,
)

Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for tables, figures and the report.", callback=folder_to_write),
]
Detectors = Annotated[
    list[str] | None,
    typer.Option(
        "--detector",
        help="`default`, or a folder that train-detector wrote; repeat to compare. The first decides.",
    ),
]
Perturb = Annotated[
    str | None,
    typer.Option(
        help="What is done to the images, as in jpeg70,resize75,crop; `none` for nothing. Not given: jpeg90, jpeg70, "
        "resize75, history75, messenger. `forensics methods --kind perturbation` lists them.",
    ),
]
Pools = Annotated[
    Path | None,
    typer.Option(
        "--pools", help="A pools.json: test on its pool `test` only (with --matrix: train on `train`)."
    ),
]
Matrix = Annotated[
    str | None,
    typer.Option(
        metavar="KIND", help="Train detectors of this kind on parts of the corpora, test on each part."
    ),
]
LearningCurve = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Train detectors of this kind on more and more images: what more of them would give.",
    ),
]
Sizes = Annotated[
    str,
    typer.Option(
        metavar="N,N,...",
        help="With --learning-curve: numbers of training images. Not given: halvings of all.",
    ),
]
Trainings = Annotated[
    int, typer.Option(min=1, max=100, help="With --learning-curve: how many trainings of each size.")
]
Compare = Annotated[
    tuple[Path, Path] | None,
    typer.Option(metavar="A B", help="Compare two finished --out folders: what changed beyond chance."),
]
Seed = Annotated[
    int, typer.Option("--seed", help="Seed of what perturbations draw, of the bootstrap, and of training.")
]


def benchmark(
    corpora: Annotated[list[Path] | None, Corpora] = None,
    out: Out = None,
    detector: Detectors = None,
    perturb: Perturb = None,
    pools: Pools = None,
    matrix: Matrix = None,
    learning_curve: LearningCurve = None,
    sizes: Sizes = "",
    trainings: Trainings = 3,
    trim_bottom: TrimBottom = 0.0,
    jpeg_before: JpegBefore = 0,
    compare: Compare = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure detectors on labelled images: AUC, error rates, Cllr, calibration, by source and perturbation.

    Writes scores.csv, results.csv, results.json, report.html and evidence.json to OUT. Run again after a kill, it
    goes on where it was. Images that a detector was fitted on are refused, and named. A set whose metadata alone tells
    the classes apart is reported as leaking. Files that cannot be read are named on stderr and counted; the exit code
    is then 2.

    --matrix frequency: trained on all sources, without one, on one alone, tested on each: OUT/matrix.json and the rest.
    --learning-curve frequency: AUC on a fixed test pool by number of training images: OUT/curve.csv, OUT/curve.svg.
    --compare A B: paired differences of two finished benchmarks, with --out as a page.
    """
    from forensics.benchmarks.run import BenchmarkOptions, run_command
    from forensics.core.terminal import print_summary

    options = BenchmarkOptions(
        tuple(corpora or ()),
        out,
        tuple(detector or ()),
        perturb,
        seed,
        device,
        pools,
        matrix,
        trim_bottom,
        compare,
        jpeg_before,
        learning_curve,
        whole_numbers("--sizes", sizes),
        trainings,
    )
    printout = run_command(options)
    print_summary(printout.summary, printout.lines, as_json=as_json)
    if printout.n_failed:
        raise typer.Exit(2)
