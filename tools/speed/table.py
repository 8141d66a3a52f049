"""Speed as a ratio: our networks against the plain way of computing the same numbers, in one run on one machine.

`python -m tools.speed.table [--json] [--record]`. Both sides use the same weights and inputs in the same process and
take turns, so that whatever else the machine does touches both. The floor is the time that the arithmetic alone would
take at the rate of a large convolution measured in the same run; a share of 100 % would mean that nothing but that
arithmetic happens. Memory is what one call takes beyond weights and inputs, each side in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import torch
import torch.nn.functional as F

from forensics.core.terminal import note, print_line
from tools.documentation.records import processor, write_record
from tools.speed.cases import CASES, Case, Work
from tools.speed.memory import peak_bytes

# A quick case is timed for at least this long, a slow one not much longer than that.
_SECONDS_AT_LEAST, _SECONDS_AT_MOST = 2.0, 25.0
_FEWEST = 2


@dataclass(frozen=True)
class Measured:
    """One line of the table. Times are medians in ms for one image; `floor_share` = floor / ours; memory in MB."""

    case: str
    batch: int
    ours_ms: float
    plain_ms: float
    ratio: float
    asked: float | None
    images_per_s: float
    gflop: float
    floor_ms: float
    floor_share: float
    relative_error: float
    rounds: int
    ours_mb: float | None = None
    plain_mb: float | None = None


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak_flops(seconds: float = 2.0) -> float:
    """Operations a second of a large convolution (8 x 256 maps of 64 x 64, 3 x 3, channels last), best of several."""
    x = torch.randn(8, 256, 64, 64).to(memory_format=torch.channels_last)
    w = torch.randn(256, 256, 3, 3).to(memory_format=torch.channels_last)
    flops = 2 * 8 * 64 * 64 * 256 * 256 * 9
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        best = min(best, _seconds(lambda: F.conv2d(x, w, padding=1)))
    return flops / best


def _in_turns(work: Work, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of both sides, taking turns: `rounds` times, more where that is quick, fewer (two) where it is slow."""
    ours: list[float] = []
    plain: list[float] = []
    start = time.perf_counter()
    while True:
        ours.append(_seconds(work.ours))
        plain.append(_seconds(work.plain))
        elapsed, done = time.perf_counter() - start, len(ours)
        enough = done >= rounds and (elapsed > _SECONDS_AT_LEAST or rounds < _FEWEST)
        if enough or (elapsed > _SECONDS_AT_MOST and done >= min(rounds, _FEWEST)):
            return ours, plain


def measure(case: Case, batch: int, rounds: int, peak: float) -> Measured:
    """Time both sides of a case in turns, after one warm-up each."""
    torch.manual_seed(0)
    work: Work = case.build(batch)
    a, b = work.ours(), work.plain()
    error = 0.0 if a is None or b is None else float((a - b).norm() / b.norm())
    del a, b
    ours, plain = _in_turns(work, rounds)
    flops = work.flops() / batch
    mine, theirs = statistics.median(ours) / batch, statistics.median(plain) / batch
    floor = flops / peak
    return Measured(
        case=case.name,
        batch=batch,
        ours_ms=round(mine * 1e3, 2),
        plain_ms=round(theirs * 1e3, 2),
        ratio=round(theirs / mine, 2),
        asked=case.asked,
        images_per_s=round(1 / mine, 2),
        gflop=round(flops / 1e9, 3),
        floor_ms=round(floor * 1e3, 2),
        floor_share=round(floor / mine, 3),
        relative_error=error,
        rounds=len(ours),
    )


def _with_memory(row: Measured) -> Measured:
    ours, plain = (round(peak_bytes(row.case, row.batch, side) / 1e6, 1) for side in ("ours", "plain"))
    return replace(row, ours_mb=ours, plain_mb=plain)


def _table(rows: Sequence[Measured], peak: float) -> str:
    lines = [
        f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}; "
        f"large convolution: {peak / 1e9:.0f} GFLOP/s",
        "",
        "| case | batch | ours, ms/img | plain, ms/img | times faster | asked | img/s | floor, ms | share of floor | "
        "MB, ours / plain |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for r in rows:
        memory = "" if r.ours_mb is None or r.plain_mb is None else f"{r.ours_mb:.0f} / {r.plain_mb:.0f}"
        lines.append(
            f"| {r.case} | {r.batch} | {r.ours_ms:.1f} | {r.plain_ms:.1f} | **{r.ratio:.2f}** | {r.asked or ''} | "
            f"{r.images_per_s:.1f} | {r.floor_ms:.1f} | {100 * r.floor_share:.0f} % | {memory} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure every case and print the table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m tools.speed.table", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--record", action="store_true", help="write docs/measured/speed.json too")
    parser.add_argument("--only", default="", help="only the cases whose name holds this text")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is timed")
    parser.add_argument("--no-memory", action="store_true", help="leave out the memory of each side")
    options = parser.parse_args(argv)
    peak = peak_flops()
    rows = []
    for case in CASES:
        if options.only in case.name:
            for batch in case.batches:
                row = measure(case, batch, options.rounds, peak)
                rows.append(_with_memory(row) if case.in_children and not options.no_memory else row)
                note(f"{case.name}, batch {batch}: {row.ratio} times faster")
    table = {"peak_gflop_per_s": round(peak / 1e9, 1), "threads": torch.get_num_threads()}
    result = {**table, "rows": [asdict(row) for row in rows]}
    if options.record:
        note(f"wrote {write_record('speed', ['python -m tools.speed.table --record'], result)}")
    if options.json:
        print_line(json.dumps({"processor": processor(), "torch": torch.__version__, **result}))
    else:
        print_line(_table(rows, peak))


if __name__ == "__main__":
    main()
