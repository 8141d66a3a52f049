"""`forensics train` as a function: a recipe and folders in, a trained network and its records out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from forensics.core.devices import pick_device
from forensics.core.errors import ForensicsError
from forensics.core.evidence import recorded, write_evidence
from forensics.core.outputs import hold_folder
from forensics.core.terminal import note, progress
from forensics.corpus.photographs.data import TrainingImages
from forensics.corpus.photographs.loading import load_images
from forensics.generators.checkpoints import Checkpoint
from forensics.generators.training.loop import train
from forensics.generators.training.monitoring.artefacts import kimg_of, network_path, write_network
from forensics.generators.training.monitoring.log import Row
from forensics.generators.training.options import Length, TrainingOptions, check
from forensics.generators.training.presets import find_preset, resolve
from forensics.generators.training.presets.ending import check_ending, finish
from forensics.generators.training.ranks import join_ranks, leave_ranks, rank_device
from forensics.generators.training.trainer import Trainer
from forensics.generators.training.transfer import begin_with, fitted, read_start, unused_options

START = "start"  # folder of the run whose weights a recipe begins with


@dataclass(frozen=True)
class Request:
    """What is asked of a run: the preset and changes to it, data, length, and how it begins.

    `kimg` and `snap_kimg`: None as the preset has them. `start` is a weights file to begin with; without one a preset
    that begins with the result of another trains that first. `keep_preset` keeps the preset's networks where those of
    `start` differ. `leave_out` lists files not to train on.
    """

    data: Sequence[Path | str] = ()
    preset: str = "stylegan2-64"
    changes: Mapping[str, object] = field(default_factory=dict)
    kimg: float | None = None
    snap_kimg: float | None = None
    start: Path | None = None
    keep_preset: bool = False
    conditional: bool = False
    metrics_kimg: float = 0.0
    device: str = "auto"
    leave_out: Path | None = None

    def length(self) -> Length:
        """How long the run is. Raises `ForensicsError` for a snapshot every 0 kimg."""
        preset = find_preset(self.preset)
        kimg = preset.kimg if self.kimg is None else self.kimg
        snap = preset.snap_kimg if self.snap_kimg is None else self.snap_kimg
        if snap <= 0:
            raise ForensicsError(f"a snapshot every {snap:g} kimg is not possible: give a number above 0")
        return Length(kimg, snap, self.metrics_kimg)

    def options(self) -> TrainingOptions:
        """The options as resolved before anything is read."""
        return resolve(self.preset, **self.changes)


@dataclass(frozen=True)
class Summary:
    """What a run came to; `network` is the file to use. `last` is the last row of its log."""

    network: Path
    kimg: float
    images: TrainingImages
    last: Row
    options: TrainingOptions

    def to_json(self) -> dict[str, object]:
        """Plain values for `--json`."""
        return {
            "network": str(self.network),
            "kimg": self.kimg,
            "n_images": len(self.images),
            "classes": list(self.images.classes),
            "rejected": [list(r) for r in self.images.rejected],
            "last": {name: value for name, value in self.last.items() if value != ""},
            "options": self.options.to_json(),
        }


def recipe(request: Request) -> dict[str, object]:
    """The resolved recipe as plain values: what `forensics train --dry-run` prints."""
    length, options = request.length(), request.options()
    described = find_preset(request.preset).to_json() | {"kimg": length.kimg, "snap_kimg": length.snap_kimg}
    return {"preset": options.preset, **described, "options": options.to_json()}


@recorded
def run_training(out: Path, request: Request) -> Summary | None:
    """Train (or go on training) in folder `out`. Of several ranks only the first has a summary, the others None."""
    if request.start is None and find_preset(request.preset).start is not None:
        return _run_after_its_start(out, request)
    return _run(out, request)


def _run_after_its_start(out: Path, request: Request) -> Summary | None:
    """Train what the preset begins with in a folder inside `out`, then the preset itself; `kimg` counts both."""
    start = find_preset(request.preset).start
    assert start is not None
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ForensicsError(
            f"on several ranks train {start.preset} by itself, then {request.preset} with --resume"
        )
    if request.conditional:
        raise ForensicsError(
            f"preset {request.preset} begins with a network without classes: leave out --cond"
        )
    before = replace(request, preset=start.preset, changes=_shared(request.changes), kimg=None)
    whole = _kimg_with_starts(start.preset)
    left = None if request.kimg is None else request.kimg - whole
    ends_before = left is not None and left <= 0
    weights = None if ends_before else _finished(out / START, before.length().kimg)
    if weights is None:
        note(f"{out / START}: {start.preset} first, whose network {request.preset} begins with")
        summary = run_training(out / START, replace(before, kimg=request.kimg if ends_before else whole))
        if summary is None or ends_before:
            return summary
        weights = summary.network
    return _run(out, replace(request, start=weights, keep_preset=True, kimg=left))


def _shared(changes: Mapping[str, object]) -> dict[str, object]:
    """Changes that hold for the runs before, too: a size or a weight is of the last run alone."""
    return {name: changes[name] for name in ("seed", "batch") if name in changes}


def _kimg_with_starts(name: str) -> float:
    """The length of a preset and of all it begins with."""
    preset = find_preset(name)
    return preset.kimg + (_kimg_with_starts(preset.start.preset) if preset.start else 0.0)


def _finished(folder: Path, kimg: float) -> Path | None:
    """The last network of a run that came to its end; None where it has not."""
    last = max(folder.glob("network-*.safetensors"), key=kimg_of, default=None)
    return last if last is not None and kimg_of(last) >= kimg else None


def _run(out: Path, request: Request) -> Summary | None:
    length, options = request.length(), request.options()
    ending = find_preset(request.preset).ending
    check_ending(ending, length)
    start = read_start(request.start) if request.start is not None else None
    if start is not None:
        options = options if request.keep_preset else fitted(options, start)
        options = replace(options, transfer=start.sha256, transfer_kimg=start.kimg or 0.0)
    device = pick_device(rank_device(request.device))
    ranks = join_ranks(device, options.batch, options.network.mbstd_group_size)
    out.mkdir(parents=True, exist_ok=True)
    with hold_folder(out) if ranks.leads else nullcontext():
        cache = out / "training-images.npz" if ranks.leads else None
        images = load_images(
            request.data, options.network.resolution, cache, framing=options.images.framing,
            with_classes=request.conditional, leave_out=request.leave_out,
        )  # fmt: skip
        options = _with_classes(options, images, request.conditional)
        trainer = Trainer(options, images, out, device, ranks)
        _begin(trainer, start)
        with progress("training", int(length.kimg * 1000), done=trainer.nimg) as meter:
            last = train(trainer, length, meter)
        leave_ranks(trainer.ranks)
        if not trainer.ranks.leads:
            return None
        network = finish(out, ending, length.kimg) or _last_network(trainer)
        _write_evidence(trainer, request, length)
        return Summary(network, trainer.nimg / 1000, images, last, options)


def _with_classes(options: TrainingOptions, images: TrainingImages, conditional: bool) -> TrainingOptions:
    classes = options.network.c_dim
    if not conditional:
        if classes:
            raise ForensicsError(
                f"the network to begin with has {classes} classes: give --cond and a folder a class"
            )
        return options
    if classes not in (0, len(images.classes)):
        raise ForensicsError(
            f"the network to begin with has {classes} classes, the images have {len(images.classes)}"
        )
    options = options.with_(c_dim=len(images.classes))
    check(options)
    return options


def _begin(trainer: Trainer, start: Checkpoint | None) -> None:
    """Take up the state of the folder, or the weights the run is to begin with."""
    if trainer.resume():
        note(f"{trainer.folder}: going on from {trainer.nimg / 1000:g} kimg")
    elif start is not None:
        for line in begin_with(start, trainer.G, trainer.G_ema, trainer.D):
            note(f"{start.path}: {line}")
        for name, value in unused_options(start).items():
            note(f"{start.path}: was made with {name} = {value!r}, which is no option here: not used")
    codes = trainer.terms.codes
    if codes is not None and not codes.placed and trainer.ranks.leads:
        note("giving every photograph its latent: on a CPU a minute or more before the first iteration")


def _last_network(trainer: Trainer) -> Path:
    network = network_path(trainer)
    if not network.is_file():
        write_network(trainer)
    return network


def _write_evidence(trainer: Trainer, request: Request, length: Length) -> None:
    options = trainer.options
    inputs = {"training images": trainer.images.sha256}
    if options.transfer:
        inputs[str(request.start)] = options.transfer
    facts = {"kimg": length.kimg, "snap_kimg": length.snap_kimg, "device": str(trainer.device)}
    write_evidence(
        trainer.folder, inputs, seeds={"seed": options.seed}, options={**options.to_json(), **facts}
    )
