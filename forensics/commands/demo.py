"""`forensics demo`: the whole toolkit once, small, on what ships with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the corpus, the walk and the report.")] = Path(
        "out/demo"
    ),
    seed: Annotated[int, typer.Option(help="Same seed, same faces.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print a machine-readable summary.")] = False,
) -> None:
    """Make faces, walk, detect, and write one report; needs no network and no data."""
    from json import dumps

    from forensics.demo import run_demo
    from forensics.terminal import print_line

    summary = run_demo(out, seed=seed, device=device)
    print_line(dumps(summary, sort_keys=True) if json else f"report: {summary['report']}")
