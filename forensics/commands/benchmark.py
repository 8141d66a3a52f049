"""`forensics benchmark`: how well detectors do on a labelled corpus, honestly."""

from pathlib import Path
from typing import Annotated

import typer


def benchmark(
    corpora: Annotated[
        list[Path] | None,
        typer.Argument(metavar="CORPUS...", help="Corpora, or trees with real/ and fake.../ folders."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for tables, figures and the report.")
    ] = None,
    detector: Annotated[
        list[str] | None,
        typer.Option("--detector", help="`default`, or a folder; repeat to compare. The first decides."),
    ] = None,
    perturb: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated, as in jpeg70,resize75,crop; `none`: none. Without: jpeg90, jpeg70, resize75, "
            "history75, messenger."
        ),
    ] = None,
    pools: Annotated[
        Path | None,
        typer.Option(
            "--pools", help="A pools.json: test on its pool `test` only (matrix: train on `train`)."
        ),
    ] = None,
    matrix: Annotated[
        str | None,
        typer.Option(
            metavar="KIND", help="Train detectors of this kind on parts of the corpora, test on each part."
        ),
    ] = None,
    trim_bottom: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="With --matrix: share of the height cut off every image.")
    ] = 0.0,
    synthetic_past: Annotated[
        int,
        typer.Option(
            "--synthetic-past",
            min=0,
            max=100,
            help="With --matrix: JPEG quality that the photographs had at 1024 px and the generated images had not "
            "(0: none).",
        ),
    ] = 0,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="A B", help="What changed beyond chance between two --out folders."),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Of what perturbations draw, of the bootstrap, and of training.")
    ] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print a machine-readable summary.")] = False,
) -> None:
    """Measure detectors on labelled images: AUC, error rates, Cllr, calibration, by source and perturbation.

    Writes scores.csv, results.csv, results.json, report.html and evidence.json to OUT. Run again after a kill, it
    goes on where it was. Images that a detector was fitted on are refused, and named. A set whose metadata alone tells
    the classes apart is reported as leaking. Files that cannot be read are named on stderr and counted; the exit code
    is then 2.

    --matrix frequency: trained on all sources, without one, on one alone, tested on each: OUT/matrix.json and the rest.
    --compare A B: paired differences of two finished benchmarks, with --out as a page.
    """
    import json

    from forensics.report import benchmarking
    from forensics.terminal import print_line

    request = benchmarking.Request(
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
        synthetic_past,
    )
    answer = benchmarking.answer(request)
    if as_json:
        print_line(json.dumps(answer.summary, sort_keys=True))
    else:
        for line in answer.lines:
            print_line(line)
    if answer.n_failed:
        raise typer.Exit(2)
