"""`forensics train` as a function: options and folders in, a trained network and its records out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forensics.evidence import write_evidence
from forensics.generators.base import pick_device
from forensics.generators.training.artefacts import write_network
from forensics.generators.training.loading import load_images
from forensics.generators.training.loop import train
from forensics.generators.training.options import resolve
from forensics.generators.training.trainer import Trainer
from forensics.terminal import note, progress


def run_training(
    out: Path,
    data: Sequence[Path],
    preset: str,
    changes: dict[str, Any],
    *,
    kimg: float,
    snap_kimg: float,
    device: str = "auto",
) -> dict[str, Any]:
    """Train (or go on training) in folder `out` until `kimg`; returns a summary for `--json`."""
    options = resolve(preset, **changes)
    out.mkdir(parents=True, exist_ok=True)
    images = load_images(data, options.resolution, out / "training-images.npz")
    trainer = Trainer(options, images, out, pick_device(device))
    if trainer.resume():
        note(f"{out}: going on from {trainer.nimg / 1000:g} kimg")
    with progress("training", int(kimg * 1000), done=trainer.nimg) as meter:
        last = train(trainer, kimg=kimg, snap_kimg=snap_kimg, meter=meter)
    network = write_network(trainer)
    write_evidence(
        out,
        sys.argv,
        inputs={"training images": images.sha256},
        seeds={"seed": options.seed},
        options={**options.as_json(), "kimg": kimg, "snap_kimg": snap_kimg, "device": str(trainer.device)},
    )
    return {
        "network": str(network),
        "kimg": trainer.nimg / 1000,
        "n_images": len(images),
        "rejected": [list(r) for r in images.rejected],
        "last": last,
        "options": options.as_json(),
    }
