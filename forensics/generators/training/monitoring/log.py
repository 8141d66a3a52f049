"""training.csv, one row a tick with what must repeat, and speed.csv beside it with what cannot.

Both are rewritten whole and atomically. A resumed run cuts off the rows past the point it goes on from.
"""

from __future__ import annotations

import csv
import time
from pathlib import Path

from forensics.core.files import replacing
from forensics.generators.training.trainer import Trainer

AVERAGED = ("loss_G", "loss_D", "D_real", "D_fake")
COLUMNS = ("kimg", *AVERAGED, "r1", "augment_p")
# Columns of runs whose generator learns from these terms, too.
TERMS = ("glo", "matching", "identity")
SPEED_COLUMNS = ("kimg", "img_per_s", "outside_share")

Row = dict[str, float | str]  # column to number, "" where a tick has none


class TrainingLog:
    """The rows of a run so far, and the means over the tick that is open."""

    def __init__(self, folder: Path, kimg: float) -> None:
        self.table, self.speed_table = folder / "training.csv", folder / "speed.csv"
        self.rows = _read(self.table, (*COLUMNS, *TERMS), kimg)
        self.speed = _read(self.speed_table, SPEED_COLUMNS, kimg)
        # R1 is taken once in many iterations: a tick without one repeats the last.
        self.r1 = float(self.rows[-1]["r1"] or 0) if self.rows else 0.0
        self._open_tick()

    def _open_tick(self) -> None:
        self.seen: dict[str, list[float]] = {name: [] for name in (*AVERAGED, *TERMS)}

    def add(self, numbers: dict[str, float]) -> None:
        """Take in one iteration: the numbers that it has."""
        self.r1 = numbers.get("r1", self.r1)
        for name, values in self.seen.items():
            if name in numbers:
                values.append(numbers[name])

    def close_tick(self, kimg: float, augment_p: float, speed: tuple[float, float]) -> Row:
        """Append the tick's rows, write both files, open the next tick; `speed` is (img/s, share outside)."""
        row: Row = {
            n: round(sum(values) / len(values), 5) if values else "" for n, values in self.seen.items()
        }
        row |= {"kimg": kimg, "r1": round(self.r1, 5), "augment_p": round(augment_p, 4)}
        self.rows.append(row)
        self.speed.append(
            {"kimg": kimg, "img_per_s": round(speed[0], 2), "outside_share": round(speed[1], 4)}
        )
        terms = tuple(name for name in TERMS if any(row[name] != "" for row in self.rows))
        _write(self.table, (*COLUMNS, *terms), self.rows)
        _write(self.speed_table, SPEED_COLUMNS, self.speed)
        self._open_tick()
        return row


def _read(path: Path, columns: tuple[str, ...], kimg: float) -> list[Row]:
    if not path.is_file():
        return []
    with path.open(newline="") as stream:
        rows = [{name: row.get(name) or "" for name in columns} for row in csv.DictReader(stream)]
    return [row for row in rows if float(row["kimg"] or 0) <= kimg + 1e-9]


def _write(path: Path, columns: tuple[str, ...], rows: list[Row]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


class Stopwatch:
    """Images a second and the share of time outside the networks, tick by tick.

    Outside is all that is not an iteration's forward, backward and update: data, logs, and the snapshot that began
    the tick, samples and scores included.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self._start()

    def _start(self) -> None:
        self.nimg, self.clock = self.trainer.nimg, time.perf_counter()
        self.networks_seconds = self.trainer.networks_seconds

    def lap(self) -> tuple[float, float]:
        """(img/s, share) since the last lap."""
        elapsed = max(time.perf_counter() - self.clock, 1e-9)
        inside = self.trainer.networks_seconds - self.networks_seconds
        result = (self.trainer.nimg - self.nimg) / elapsed, max(1 - inside / elapsed, 0.0)
        self._start()
        return result
