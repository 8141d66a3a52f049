"""`forensics evaluate`: how good a generator's faces are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import Device, FacesIfAny, Json, Network, PackRoot, file_to_write


def evaluate(
    generator: Network,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Photographs: KID, precision and recall at psi 1 against them; give several."),
    ] = None,
    n: Annotated[int, typer.Option("-n", min=2, help="Samples a psi and draw.")] = 500,
    psi: Annotated[
        list[float] | None, typer.Option(help="Truncation; give several. [default: 0.7, 1.0]")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Draws of n samples, each of the next seed.")] = 1,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Photographs it was trained on: how near its faces come to them; give several."),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Also write a contact sheet at psi 0.5, 0.7 and 1.0 (PNG).", callback=file_to_write
        ),
    ] = None,
    pack: FacesIfAny = None,
    pack_root: PackRoot = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the first draw.")] = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Measure a generator: in how many images a face is found, how alike its faces are, and KID, precision, recall.

    Without a face pack the first two are left out; --data is then needed.
    """
    from forensics.benchmarks.generator_quality import QualityOptions, evaluate_generator, quality_lines
    from forensics.core.errors import ForensicsError
    from forensics.core.terminal import print_summary
    from forensics.faces.analyser import load_faces, pack_if_any
    from forensics.generators.base import load_generator

    folder = pack_if_any(pack, pack_root)
    if folder is None and not data:
        raise ForensicsError("nothing to measure: give --data, or a face pack with --pack")
    chosen = tuple(psi) if psi else QualityOptions.psi
    options = QualityOptions(n, chosen, seed, draws, tuple(against or ()), tuple(data or ()), sheet)
    faces = None if folder is None else load_faces(str(folder))
    measured = evaluate_generator(load_generator(generator, device), faces, options)
    print_summary(measured, quality_lines(measured), as_json=json)
