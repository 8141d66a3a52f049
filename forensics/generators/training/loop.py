"""The training loop: iterations, and at every snapshot a log row, the state, and what a person looks at."""

from __future__ import annotations

import time
from typing import Any

from safetensors import SafetensorError

from forensics.core.errors import ForensicsError
from forensics.core.files import write_json
from forensics.core.terminal import Meter
from forensics.generators.training.monitoring.log import Stopwatch
from forensics.generators.training.monitoring.watch import Watch
from forensics.generators.training.trainer import Trainer


def train(
    trainer: Trainer, *, kimg: float, snap_kimg: float, meter: Meter, metrics_kimg: float = 0.0
) -> dict[str, Any]:
    """Train until `kimg`, with a snapshot at every multiple of `snap_kimg` and at the end. Returns the last log row.

    With `metrics_kimg` the averaged generator is scored at each of its multiples that is a snapshot, and at the end.
    Raises `ForensicsError` where the loss is not finite or a file cannot be written; the last snapshot stays.
    """
    begun_kimg = trainer.nimg / 1000
    try:
        return _train(trainer, kimg, snap_kimg, metrics_kimg, meter)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        kept = f"the snapshot before stands (at least {begun_kimg:g} kimg)"
        raise ForensicsError(
            f"{trainer.folder}: cannot write a snapshot at {trainer.nimg / 1000:g} kimg ({reason}); {kept}: "
            "make room and run the same command again"
        ) from error


def _train(
    trainer: Trainer, kimg: float, snap_kimg: float, metrics_kimg: float, meter: Meter
) -> dict[str, Any]:
    o = trainer.options
    watch = Watch(trainer, metrics_kimg) if trainer.ranks.leads else None
    if watch is not None:
        record = {**o.as_json(), "data_sha256": trainer.images.sha256}
        write_json(trainer.folder / "training-options.json", record)
        watch.begin()
    stopwatch, status = Stopwatch(trainer), _Status(kimg * 1000)
    next_snap = _next_multiple(trainer.nimg, snap_kimg * 1000)
    while trainer.nimg < kimg * 1000:
        numbers = trainer.step()
        if watch is not None:
            watch.log.add(numbers)
            meter.advance(o.batch, status.line(numbers, trainer.nimg))
        if trainer.nimg >= min(next_snap, kimg * 1000):
            next_snap = _next_multiple(trainer.nimg, snap_kimg * 1000)
            if watch is not None:
                watch.snapshot(stopwatch.lap())
    if watch is None:
        return {}
    watch.end()
    return watch.log.rows[-1] if watch.log.rows else {}


def _next_multiple(nimg: int, snap: float) -> float:
    """The first multiple of `snap` above `nimg`: the same whether or not the run was interrupted."""
    return (nimg // snap + 1) * snap


class _Status:
    """The line beside the progress bar: speed and time left over the last half minute, losses, outputs, p."""

    _WINDOW_S = 30.0

    def __init__(self, total_nimg: float) -> None:
        self.total = total_nimg
        self.marks: list[tuple[float, int]] = []

    def line(self, numbers: dict[str, float], nimg: int) -> str:
        now = time.monotonic()
        self.marks.append((now, nimg))
        while now - self.marks[0][0] > self._WINDOW_S and len(self.marks) > 2:
            self.marks.pop(0)
        before, elapsed = self.marks[0][1], now - self.marks[0][0]
        if "loss_D" in numbers:
            parts = [
                f"G {numbers['loss_G']:.2f} D {numbers['loss_D']:.2f}",
                f"D(x) {numbers['D_real']:.2f} D(G(z)) {numbers['D_fake']:.2f} p {numbers['augment_p']:.2f}",
            ]
        else:
            parts = [f"photographs alone: {numbers['anchors']:.2f}"]
        if elapsed > 0:
            rate = (nimg - before) / elapsed
            parts.append(f"{rate:.1f} img/s, {_duration((self.total - nimg) / rate)} left")
        return "  ".join(parts)


def _duration(seconds: float) -> str:
    minutes = max(round(seconds / 60), 0)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
