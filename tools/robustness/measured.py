"""Runs the command line on hostile inputs, one after the other in a process apart, and measures what each took."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SMALL_FILE_BYTES: Final = 100_000
_GIVE_UP_S: Final = 40
# The child runs each case with its output in files; the peak is reset before each (VmHWM through clear_refs).
_PROGRAM = r"""
import json, os, sys, tempfile, time, traceback
import torch
from forensics import cli
import forensics.generators.base
def peak():
    return next(1024 * int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
for name, words in json.loads(sys.stdin.read()).items():
    print(json.dumps({"begun": name}), flush=True)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        kept = os.dup(1), os.dup(2)
        os.dup2(out.fileno(), 1); os.dup2(err.fileno(), 2)
        open("/proc/self/clear_refs", "w").write("5")
        sys.argv, code, began, worked = ["forensics", *words], 0, time.monotonic(), sum(os.times()[:4])
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
        except BaseException:
            traceback.print_exc(); code = 1
        seconds, most, cpu = time.monotonic() - began, peak(), sum(os.times()[:4]) - worked
        sys.stdout.flush(); sys.stderr.flush()
        os.dup2(kept[0], 1); os.dup2(kept[1], 2)
        os.close(kept[0]); os.close(kept[1])
        texts = []
        for stream in (out, err):
            stream.seek(0); texts.append(stream.read().decode("utf-8", "replace"))
    print(json.dumps({"done": name, "result": [code, *texts, seconds, most, cpu]}), flush=True)
"""


@dataclass(frozen=True)
class Outcome:
    """What a run came to: exit code, what it printed, seconds, the most memory the process held (bytes), and the CPU
    seconds of it and its children, which other work on the machine does not change."""

    code: int
    stdout: str
    stderr: str
    seconds: float
    peak_bytes: int
    cpu_seconds: float

    @property
    def lines(self) -> list[str]:
        """What stderr said, line by line."""
        return [line for line in self.stderr.splitlines() if line]


def run_each(cases: Mapping[str, Sequence[str | Path]]) -> dict[str, Outcome]:
    """The outcome of `forensics` with the words of each case; one that takes 40 s is ended, with exit code -9."""
    outcomes: dict[str, Outcome] = {}
    waiting = {name: [str(word) for word in words] for name, words in cases.items()}
    while waiting:
        for name, outcome in _run(waiting).items():
            outcomes[name] = outcome
            del waiting[name]
    return outcomes


def _run(cases: Mapping[str, Sequence[str]]) -> dict[str, Outcome]:
    """The outcomes of one process: of all cases, or of those up to the first that hangs or ends it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    child = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps(cases).encode())
    child.stdin.close()
    outcomes: dict[str, Outcome] = {}
    running = ""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while selector.select(_GIVE_UP_S) and (line := child.stdout.readline()):
            message = json.loads(line)
            running = message.get("begun", "")
            if "done" in message:
                outcomes[message["done"]] = Outcome(*message["result"])
    child.kill()
    said = child.stderr.read() if child.stderr is not None else b""
    child.wait()
    if running:
        outcomes[running] = Outcome(
            -9, "", f"ended: {said.decode('utf-8', 'replace')[-2000:]}", _GIVE_UP_S, 0, 0.0
        )
    assert outcomes, said.decode("utf-8", "replace")
    return outcomes


def assert_bounded(outcome: Outcome, n_bytes: int) -> None:
    """No traceback, no more than 1 GB and 10 s of CPU for a small file, twice its size and 1 GB for another.

    One that waits instead of working is ended by `run_each`, with -9.
    """
    assert "Traceback" not in outcome.stderr, outcome.stderr[-3000:]
    assert outcome.code in (0, 2), (outcome.code, outcome.stderr[-2000:])
    limit = (1 << 30) + (0 if n_bytes < SMALL_FILE_BYTES else 2 * n_bytes)
    assert outcome.peak_bytes <= limit, f"{outcome.peak_bytes / 1e6:.0f} MB"
    assert outcome.cpu_seconds <= 10 + n_bytes / 50e6, f"{outcome.cpu_seconds:.1f} s"
    assert len(outcome.stdout) + len(outcome.stderr) <= 200_000, "a page of noise"


def assert_refused(outcome: Outcome, n_bytes: int) -> None:
    """Bounded, exit code 2, and at the end one line of at most 1,000 characters that says why."""
    assert_bounded(outcome, n_bytes)
    assert outcome.code == 2, outcome.stdout[-500:]
    assert len(outcome.lines) <= 3, outcome.lines[:5]
    assert [line.startswith("error: ") for line in outcome.lines] == [False] * (len(outcome.lines) - 1) + [
        True
    ]
    assert all(len(line) <= 1_000 and line.isprintable() for line in outcome.lines)
