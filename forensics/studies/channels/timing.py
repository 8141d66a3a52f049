"""How long an image takes with fewer channels. Times differ from run to run, so they never go into parts or pages."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from forensics.core.files import write_json
from forensics.core.untrusted import read_json
from forensics.generators.base import Generator
from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.report.rows import Row, row_from_json
from forensics.studies.channels.narrowing import Narrower
from forensics.studies.machine import one_thread
from forensics.studies.subject import Subject

SHARES = (0.125, 0.25, 0.375, 0.5, 0.75)
FOLDER = "timings"
_IMAGES, _ROUNDS = 8, 11


@dataclass(frozen=True)
class Timing(Row):
    """Milliseconds an image of a network less `share` of its channels (median over rounds), and how many times as fast
    it is as the whole network in the same rounds: the median ratio and its quartiles.

    On a CPU these are milliseconds of the processor, of one thread: what others do on the machine hardly counts."""

    share: float
    batch: int
    ms_an_image: float
    times_as_fast: float
    quartile_low: float
    quartile_high: float


def time_channels(subject: Subject, shares: tuple[float, ...] = SHARES) -> list[Timing]:
    """Time the whole and the smaller networks in turns, one thread, batches of 1 and 8; the whole comes first.

    The machine's state moves all of a round together, so the ratio within a round says more than the milliseconds.
    """
    narrower = Narrower(subject)
    candidates = {0.0: subject} | {share: narrower.subject_less(share, "norm") for share in shares}
    generators = [each.generator for each in candidates.values()]
    timings = []
    with one_thread(), torch.inference_mode():
        z = subject.generator.sample_z(min(_IMAGES, subject.batch), seed=0)
        ws = subject.generator.map(z, subject.labels(len(z)))
        for batch in (1, len(ws)):
            seconds = _rounds(generators, ws[:batch])
            ratios = seconds[:, :1] / seconds
            for i, share in enumerate(candidates):
                ms = float(np.median(seconds[:, i])) / batch * 1000
                low, median, high = map(float, np.percentile(ratios[:, i], (25, 50, 75)))
                timings.append(Timing(share, batch, ms, median, low, high))
    return timings


def _rounds(generators: list[Generator], ws: torch.Tensor) -> np.ndarray:
    """Seconds of each generator in each round [rounds, generators]; a first round warms up and is left out."""
    rounds = [[_seconds(generator, ws) for generator in generators] for _ in range(_ROUNDS + 1)]
    return np.array(rounds[1:])


def _seconds(generator: Generator, ws: torch.Tensor) -> float:
    if not ws.is_cuda:
        start = time.process_time()
        generator.synthesize(ws)
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    generator.synthesize(ws)
    torch.cuda.synchronize()
    return time.perf_counter() - start


def timings_of(subject: Subject, out: Path) -> list[Timing]:
    """The times in `out`/timings, taken now if they are not there."""
    folder = out / FOLDER
    path = folder / "channels.json"
    if not path.is_file():
        timings = time_channels(subject)
        exhibits = Exhibits(folder)
        exhibits.table("channels", timings)
        speed(exhibits, "channels", timings)
        write_json(path, [timing.to_json() for timing in timings])
    return [row_from_json(Timing, row) for row in read_json(path)]


def speed(exhibits: Exhibits, name: str, timings: list[Timing]) -> str:
    """How many times as fast, by share, a curve a batch size; bars between the quartiles over the rounds."""
    with plots.figure(5.6, 3.2) as (drawing, (ax,)):
        for colour, batch in zip(plots.SERIES, sorted({t.batch for t in timings}), strict=False):
            group = [t for t in timings if t.batch == batch]
            x = np.array([100 * t.share for t in group])
            y = np.array([t.times_as_fast for t in group])
            bars = [y - [t.quartile_low for t in group], [t.quartile_high for t in group] - y]
            label = f"batch of {batch}, {group[0].ms_an_image:.1f} ms an image whole"
            ax.errorbar(x, y, bars, color=colour, marker="o", ms=3.5, lw=1.4, label=label)
        ax.axhline(1, color=plots.NEUTRAL, lw=0.8, ls=(0, (4, 3)))
        ax.set(xlabel="channels taken out of every layer (%)", ylabel="times as fast as the whole network")
        ax.set_ylim(0, None)
        plots.legend_above(drawing, ax)
        return exhibits.figure(name, drawing)
