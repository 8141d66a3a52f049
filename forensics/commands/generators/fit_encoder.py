"""`forensics fit-encoder`: a linear encoder of a generator, made of its own images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import Device, Json, Network, folder_to_write


def fit_encoder(
    network: Network,
    out: Annotated[
        Path,
        typer.Argument(
            help="Folder of the encoder; the same command again goes on.", callback=folder_to_write
        ),
    ],
    images: Annotated[int, typer.Option(min=100, help="Images of the network it is fitted to.")] = 3000,
    rank: Annotated[int, typer.Option(min=1, max=512, help="Directions of w that it tells apart.")] = 96,
    ridge: Annotated[float, typer.Option(help="Strength of the ridge, of the mean diagonal.")] = 0.3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the images.")] = 1_000_003,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Fit a linear encoder from images to the network's w: what `attribute` and the inverters begin with."""
    from dataclasses import asdict

    from forensics.core.terminal import print_summary
    from forensics.generators.inversion.encoders.fitting import EncoderPlan
    from forensics.generators.inversion.encoders.fitting import fit_encoder as fit

    encoder = fit(network, out, EncoderPlan(images, seed, ridge, rank), device)
    record = encoder.record
    line = (
        f"{out}: encoder of {record.generator}, cosine to the true w on images left out {record.cosine:.2f}"
    )
    print_summary({"out": str(out), **asdict(record)}, [line], as_json=json)
