"""`forensics benchmark`: how well detectors do on a labelled corpus, honestly."""

from pathlib import Path
from typing import Annotated

import typer


def benchmark(
    corpora: Annotated[
        list[Path],
        typer.Argument(metavar="CORPUS...", help="Corpora, or trees with real/ and fake.../ folders."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for tables, figures and the report.")],
    detector: Annotated[
        list[str] | None,
        typer.Option("--detector", help="`default`, or a folder; repeat to compare. The first decides."),
    ] = None,
    perturb: Annotated[
        str,
        typer.Option(help="Comma-separated, such as jpeg90,jpeg70,resize75,messenger,crop; `none`: none."),
    ] = "jpeg90,jpeg70,resize75,history75,messenger",
    seed: Annotated[int, typer.Option(help="Of what perturbations draw, and of the bootstrap.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print a machine-readable summary.")] = False,
) -> None:
    """Measure detectors on labelled images: AUC, error rates, Cllr, calibration, by source and perturbation.

    Writes scores.csv, results.csv, results.json, report.html and evidence.json to OUT. Run again after a kill, it
    goes on where it was. A set whose metadata alone tells the classes apart is reported as leaking. Files that
    cannot be read are named on stderr and counted; the exit code is then 2.
    """
    import json

    from forensics.report.benchmarking import Request, benchmark_corpora, summary, summary_lines
    from forensics.terminal import print_line

    request = Request(tuple(corpora), out, tuple(detector or ("default",)), perturb, seed, device)
    outcome = benchmark_corpora(request)
    if as_json:
        print_line(json.dumps(summary(outcome, out), sort_keys=True))
    else:
        for line in summary_lines(outcome, out):
            print_line(line)
    if outcome.failures:
        raise typer.Exit(2)
