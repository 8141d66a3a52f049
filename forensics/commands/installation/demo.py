"""`forensics demo`: the whole toolkit once, small, on what ships with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import Device, Json, folder_to_write


def demo(
    out: Annotated[
        Path, typer.Option(help="Folder for the corpus, the walk and the report.", callback=folder_to_write)
    ] = Path("out/demo"),
    seed: Annotated[int, typer.Option(help="Same seed, same faces.")] = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Make faces, walk, detect, and write one report; needs no network and no data."""
    from forensics.core.terminal import print_summary
    from forensics.examiner.demo import run_demo

    made = run_demo(out, seed=seed, device=device)
    print_summary(made.to_json(), [f"report: {made.report}"], as_json=json)
