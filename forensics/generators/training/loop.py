"""The training loop: iterations, and at every snapshot a log row, the state, samples and the network."""

from __future__ import annotations

from typing import Any

from safetensors import SafetensorError

from forensics.errors import ForensicsError
from forensics.files import write_json
from forensics.generators.training import artefacts
from forensics.generators.training.log import Stopwatch, TrainingLog
from forensics.generators.training.trainer import Trainer
from forensics.terminal import Meter


def train(trainer: Trainer, *, kimg: float, snap_kimg: float, meter: Meter) -> dict[str, Any]:
    """Train until `kimg`, with a snapshot at every multiple of `snap_kimg` and at the end. Returns the last log row.

    Raises `ForensicsError` where the loss is not finite or a file cannot be written; the last snapshot stays.
    """
    saved_kimg = trainer.nimg / 1000
    try:
        return _train(trainer, kimg, snap_kimg, meter)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        kept = f"the snapshot before stands (at least {saved_kimg:g} kimg)"
        raise ForensicsError(
            f"{trainer.folder}: cannot write a snapshot at {trainer.nimg / 1000:g} kimg ({reason}); {kept}: "
            "make room and run the same command again"
        ) from error


def _train(trainer: Trainer, kimg: float, snap_kimg: float, meter: Meter) -> dict[str, Any]:
    o = trainer.options
    log = TrainingLog(trainer.folder, trainer.nimg / 1000)
    write_json(
        trainer.folder / "training-options.json", {**o.as_json(), "data_sha256": trainer.images.sha256}
    )
    _complete_last_snapshot(trainer)
    watch = Stopwatch(trainer)
    row: dict[str, Any] = log.rows[-1] if log.rows else {}
    snap = snap_kimg * 1000
    next_snap = _next_multiple(trainer.nimg, snap)
    while trainer.nimg < kimg * 1000:
        numbers = trainer.step()
        log.add(numbers)
        meter.advance(o.batch, _status(numbers))
        if trainer.nimg >= min(next_snap, kimg * 1000):
            next_snap = _next_multiple(trainer.nimg, snap)
            # The log goes first: a kill before the state is written cuts the row off again.
            row = log.close_tick(trainer.nimg / 1000, float(trainer.pipe.p), watch.lap())
            trainer.save()
            artefacts.write_samples(trainer)
            artefacts.write_network(trainer)
    return row


def _next_multiple(nimg: int, snap: float) -> float:
    """The first multiple of `snap` above `nimg`: the same whether or not the run was interrupted."""
    return (nimg // snap + 1) * snap


def _complete_last_snapshot(trainer: Trainer) -> None:
    """Make what a kill between the state and the network left out."""
    if trainer.nimg and not artefacts.samples_path(trainer).is_file():
        artefacts.write_samples(trainer)
    if trainer.nimg and not artefacts.network_path(trainer).is_file():
        artefacts.write_network(trainer)


def _status(numbers: dict[str, float]) -> str:
    return f"G {numbers['loss_G']:.2f} D {numbers['loss_D']:.2f} p {numbers['augment_p']:.2f}"
