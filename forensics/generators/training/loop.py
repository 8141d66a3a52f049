"""The training loop: iterations, and at every snapshot a log row, the state, and what a person looks at."""

from __future__ import annotations

import time

from safetensors import SafetensorError

from forensics.core.errors import ForensicsError
from forensics.core.files import write_json
from forensics.core.terminal import Meter
from forensics.generators.training.monitoring.log import Row, Stopwatch
from forensics.generators.training.monitoring.watch import Watch
from forensics.generators.training.options import Length
from forensics.generators.training.trainer import Trainer


def train(trainer: Trainer, length: Length, meter: Meter) -> Row:
    """Train for the `length`. Returns the last row of the log, {} of a rank that does not lead.

    Raises `ForensicsError` where the loss is not finite or a file cannot be written; the last snapshot stays.
    """
    begun_kimg = trainer.nimg / 1000
    try:
        return _train(trainer, length, meter)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        stands = f"the snapshot before stands (at least {begun_kimg:g} kimg)"
        raise ForensicsError(
            f"{trainer.folder}: cannot write a snapshot at {trainer.nimg / 1000:g} kimg ({reason}); {stands}: "
            "make room and run the same command again"
        ) from error


def _train(trainer: Trainer, length: Length, meter: Meter) -> Row:
    o, end = trainer.options, length.kimg * 1000
    watch = Watch(trainer, length.metrics_kimg) if trainer.ranks.leads else None
    if watch is not None:
        record = {**o.to_json(), "data_sha256": trainer.images.sha256}
        write_json(trainer.folder / "training-options.json", record)
        watch.begin()
    stopwatch, status = Stopwatch(trainer), _Status(end)
    next_snap = _next_multiple(trainer.nimg, length.snap_kimg * 1000)
    while trainer.nimg < end:
        numbers = trainer.step()
        if watch is not None:
            watch.log.add(numbers)
            meter.advance(o.batch, status.line(numbers, trainer.nimg))
        if trainer.nimg >= min(next_snap, end):
            next_snap = _next_multiple(trainer.nimg, length.snap_kimg * 1000)
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
            parts = [f"photographs' codes alone: {numbers['glo']:.2f}"]
        if elapsed > 0:
            rate = (nimg - before) / elapsed
            parts.append(f"{rate:.1f} img/s, {_duration((self.total - nimg) / rate)} left")
        return "  ".join(parts)


def _duration(seconds: float) -> str:
    minutes = max(round(seconds / 60), 0)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
