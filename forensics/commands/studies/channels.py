"""`forensics study channels`: whole channels taken out of a generator."""

from __future__ import annotations

from typing import Annotated

import typer

from forensics.commands.options import (
    DetectorOrNone,
    Device,
    FacesIfAny,
    Json,
    Network,
    PackRoot,
    Seed,
    StudyFolder,
    Workers,
)


def channels(
    file: Network,
    out: StudyFolder,
    images: Annotated[int, typer.Option("-n", min=4, help="Latents, the same everywhere.")] = 32,
    pack: FacesIfAny = None,
    pack_root: PackRoot = None,
    detector: DetectorOrNone = "default",
    seed: Seed = 0,
    workers: Workers = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Every share and ranking of channels taken out: what it costs the images, and what it saves."""
    from forensics.core.terminal import print_summary
    from forensics.faces.analyser import pack_if_any
    from forensics.studies.channels.study import ChannelPlan, study_channels
    from forensics.studies.machine import usual_workers

    folder = pack_if_any(pack, pack_root)
    plan = ChannelPlan(
        images=images,
        seed=seed,
        face_pack=None if folder is None else str(folder),
        detector=None if detector == "none" else detector,
        device=device,
    )
    summary = study_channels(file, out, plan, workers=workers or usual_workers(device))
    print_summary(summary.to_json(), summary.lines(), as_json=json)
