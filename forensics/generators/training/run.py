"""`forensics train` as a function: options and folders in, a trained network and its records out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from forensics.core.devices import pick_device
from forensics.core.errors import ForensicsError
from forensics.core.evidence import recorded, write_evidence
from forensics.core.files import try_lock
from forensics.core.terminal import note, progress
from forensics.corpus.photographs.data import TrainingImages
from forensics.corpus.photographs.loading import load_images
from forensics.generators.checkpoints import Checkpoint
from forensics.generators.training.loop import train
from forensics.generators.training.monitoring.artefacts import network_path, write_network
from forensics.generators.training.options import TrainingOptions, check
from forensics.generators.training.presets import resolve
from forensics.generators.training.ranks import join_ranks, leave_ranks, rank_device
from forensics.generators.training.trainer import Trainer
from forensics.generators.training.transfer import begin_with, fitted, read_start


@dataclass(frozen=True)
class Request:
    """What is asked of a run beside its options: data, length, and how it begins.

    `start` is a weights file to begin with; `leave_out` lists files not to train on; `keep_preset` keeps the preset's
    networks where the file's differ.
    """

    data: Sequence[Path | str]
    kimg: float
    snap_kimg: float
    start: Path | None = None
    keep_preset: bool = False
    conditional: bool = False
    metrics_kimg: float = 0.0
    device: str = "auto"
    leave_out: Path | None = None


@recorded
def run_training(
    out: Path,
    data: Sequence[Path | str],
    preset: str,
    changes: dict[str, Any],
    *,
    kimg: float,
    snap_kimg: float,
    **request: Any,
) -> dict[str, Any]:
    """Train (or go on training) in folder `out` until `kimg`; returns a summary for `--json`.

    `request`: the other fields of `Request`. Of several ranks only the first has a summary, the others {}.
    """
    asked = Request(data, kimg, snap_kimg, **request)
    options = resolve(preset, **changes)
    if snap_kimg <= 0:
        raise ForensicsError(f"a snapshot every {snap_kimg:g} kimg is not possible: give a number above 0")
    start = read_start(asked.start) if asked.start is not None else None
    if start is not None:
        options = options if asked.keep_preset else fitted(options, start)
        options = replace(options, transfer=start.sha256, transfer_kimg=start.kimg or 0.0)
    device = pick_device(rank_device(asked.device))
    ranks = join_ranks(device, options.batch, options.mbstd_group_size)
    out.mkdir(parents=True, exist_ok=True)
    with _held(out) if ranks.leads else nullcontext():
        cache = out / "training-images.npz" if ranks.leads else None
        images = load_images(
            data, options.resolution, cache, framing=options.framing, with_classes=asked.conditional,
            leave_out=asked.leave_out,
        )  # fmt: skip
        options = _with_classes(options, images, asked.conditional)
        trainer = Trainer(options, images, out, device, ranks)
        _begin(trainer, start)
        with progress("training", int(kimg * 1000), done=trainer.nimg) as meter:
            last = train(
                trainer, kimg=kimg, snap_kimg=snap_kimg, meter=meter, metrics_kimg=asked.metrics_kimg
            )
        return _summary(trainer, asked, last)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the folder: a second run in it would write over the first. A kill lets it go."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        if not try_lock(handle):
            raise ForensicsError(
                f"{folder}: another process is training here; wait for it, or name another folder"
            )
        yield
    finally:
        os.close(handle)


def _with_classes(options: TrainingOptions, images: TrainingImages, conditional: bool) -> TrainingOptions:
    if not conditional:
        if options.c_dim:
            raise ForensicsError(
                f"the network to begin with has {options.c_dim} classes: give --cond and a folder a class"
            )
        return options
    if options.c_dim not in (0, len(images.classes)):
        raise ForensicsError(
            f"the network to begin with has {options.c_dim} classes, the images have {len(images.classes)}"
        )
    options = replace(options, c_dim=len(images.classes))
    check(options)
    return options


def _begin(trainer: Trainer, start: Checkpoint | None) -> None:
    """Take up the state of the folder, or the weights the run is to begin with."""
    if trainer.resume():
        note(f"{trainer.folder}: going on from {trainer.nimg / 1000:g} kimg")
    elif start is not None:
        for line in begin_with(start, trainer.G, trainer.G_ema, trainer.D):
            note(f"{start.path}: {line}")
    if trainer.anchors is not None and not trainer.anchors.placed and trainer.ranks.leads:
        note("giving every photograph its latent: on a CPU a minute or more before the first iteration")


def _summary(trainer: Trainer, asked: Request, last: dict[str, Any]) -> dict[str, Any]:
    options, images, out = trainer.options, trainer.images, trainer.folder
    leave_ranks(trainer.ranks)
    if not trainer.ranks.leads:
        return {}
    network = network_path(trainer)
    if not network.is_file():
        write_network(trainer)
    inputs = {"training images": images.sha256}
    if options.transfer:
        inputs[str(asked.start)] = options.transfer
    length = {"kimg": asked.kimg, "snap_kimg": asked.snap_kimg, "device": str(trainer.device)}
    write_evidence(out, inputs, seeds={"seed": options.seed}, options={**options.as_json(), **length})
    return {
        "network": str(network),
        "kimg": trainer.nimg / 1000,
        "n_images": len(images),
        "classes": list(images.classes),
        "rejected": [list(r) for r in images.rejected],
        "last": {name: value for name, value in last.items() if value != ""},
        "options": options.as_json(),
    }
