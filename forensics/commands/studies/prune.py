"""`forensics prune`: weights pruned by magnitude, threshold by threshold, and whole channels taken out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import (
    DetectorToo,
    Device,
    FacesToo,
    Json,
    Network,
    PackRoot,
    Seed,
    StudyFolder,
    SweepEvery,
    SweepSpace,
    SweepSteps,
    Workers,
    file_to_write,
    pack_asked_for,
)
from forensics.core.errors import ForensicsError

Threshold = Annotated[
    float | None, typer.Option(min=0, help="Measure only this threshold: print its row, write nothing.")
]
Channels = Annotated[
    float | None,
    typer.Option(
        min=0, help="Measure only with this share of every layer's channels taken out: print its row."
    ),
]
Save = Annotated[
    Path | None,
    typer.Option(help="With --channels: write the smaller network, .safetensors.", callback=file_to_write),
]
Ranking = Annotated[str, typer.Option(help="With --channels: which go first, by style, norm or random.")]
Stop = Annotated[float, typer.Option(min=1e-6, help="The last threshold.")]
Images = Annotated[
    int, typer.Option("-n", min=4, help="How many latents; every threshold uses the same ones.")
]


def prune(
    file: Network,
    out: StudyFolder = Path("out/prune"),
    threshold: Threshold = None,
    channels: Channels = None,
    save: Save = None,
    ranking: Ranking = "style",
    stop: Stop = 1.0,
    steps: SweepSteps = 1000,
    every: SweepEvery = 20,
    images: Images = 32,
    space: SweepSpace = "w",
    pack: FacesToo = None,
    pack_root: PackRoot = None,
    detector: DetectorToo = None,
    seed: Seed = 0,
    workers: Workers = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Sweep a pruning threshold over all weights, each layer and each block, take channels out; tables and a page."""
    from forensics.core.terminal import print_summary
    from forensics.studies.channels.study import ChannelPlan, one_share
    from forensics.studies.machine import usual_workers
    from forensics.studies.pruning.study import single_threshold, study_pruning
    from forensics.studies.pruning.sweep import SweepPlan

    if threshold is not None and (channels is not None or save is not None):
        raise ForensicsError("give --threshold or --channels (with --save), not both")
    if save is not None and channels is None:
        raise ForensicsError("--save writes a network less some channels: give --channels too")
    probed = {"face_pack": pack_asked_for(pack, pack_root), "detector": detector, "device": device}
    latents = ChannelPlan(images=images, seed=seed, **probed)  # type: ignore[arg-type]
    plan = SweepPlan(**vars(latents), stop=stop, steps=steps, every=every, space=space)
    if channels is None and threshold is None:
        summary = study_pruning(file, out, plan, workers=workers or usual_workers(device))
        print_summary(summary.to_json(), summary.lines(), as_json=json)
        return
    row = (
        one_share(file, channels, ranking, latents, save)
        if channels is not None
        else single_threshold(file, threshold or 0.0, plan)
    )
    print_summary(row.to_json(), _fact_lines(row.to_json()), as_json=json)


def _fact_lines(facts: dict[str, object]) -> list[str]:
    """A row as lines for a terminal; what was not measured is left out."""
    return [f"{name:<18}{_in_words(value)}" for name, value in facts.items() if value is not None]


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return format(value, ".6g") if isinstance(value, (int, float)) else str(value)
