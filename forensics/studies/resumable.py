"""Long studies in parts: a part that is on disk is not made again, by whichever process; a kill loses only what was
under way. Parts do not depend on one another, so that interrupted and uninterrupted runs end in the same bytes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

import torch

from forensics.core.differences import differences, in_a_line
from forensics.core.errors import ForensicsError
from forensics.core.files import write_json
from forensics.core.interruption import shielded
from forensics.core.terminal import progress

HOW = "how.json"


class Work(Protocol):
    """A study in one process: `do` makes the value of a part (JSON-able), and any files that go with it first."""

    def do(self, part: str) -> Any:
        """Make part `part`."""


class Parts:
    """The finished parts of a study, one JSON file each, in `folder`; `how` is what they were made with."""

    def __init__(self, folder: Path, how: dict[str, Any]) -> None:
        self.folder = folder
        path = folder / HOW
        plain = json.loads(json.dumps(how))
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8"))
            if differing := differences(found, plain):
                raise ForensicsError(
                    f"{folder}: holds parts made with other options ({in_a_line(differing)}); "
                    "give another --out or remove it"
                )
        else:
            write_json(path, plain)

    def path(self, part: str) -> Path:
        """Where a part is or will be."""
        return self.folder / f"{part}.json"

    def missing(self, parts: Iterable[str]) -> list[str]:
        """Those of `parts` that are not finished."""
        return [part for part in parts if not self.path(part).is_file()]

    def read(self, part: str) -> Any:
        """The value of a finished part."""
        return json.loads(self.path(part).read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Job:
    """What a worker needs: `make` builds the `Work` from `arguments` (both can be sent to another process)."""

    make: Callable[..., Work]
    arguments: tuple[Any, ...]


def complete(parts: Parts, wanted: list[str], job: Job, *, workers: int, title: str) -> None:
    """Make every part of `wanted` that is missing, in `workers` processes of one thread each (1: in this one)."""
    todo = parts.missing(wanted)
    if not todo:
        return
    with progress(title, len(wanted), done=len(wanted) - len(todo)) as meter:
        if min(workers, len(todo)) == 1:
            with one_thread():
                work = job.make(*job.arguments)
                for part in todo:
                    write_json(parts.path(part), work.do(part))
                    meter.advance()
            return
        pool = ProcessPoolExecutor(
            min(workers, len(todo)), get_context("spawn"), initializer=_start, initargs=(job,)
        )
        try:
            with shielded():  # all processes are started by the first part
                futures = [pool.submit(_run, parts.path(part), part) for part in todo]
            for future in as_completed(futures):
                future.result()
                meter.advance()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_work: Work | None = None


def _start(job: Job) -> None:
    """Ready one worker process; it ends with its parent, however that ends."""
    global _work
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)
    _work = job.make(*job.arguments)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _run(path: Path, part: str) -> None:
    assert _work is not None
    write_json(path, _work.do(part))


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread within: sums over several threads differ in their last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def usual_workers(device: str) -> int:
    """Processors this process may use, or one where a GPU does the work."""
    if device not in ("auto", "cpu") or (device == "auto" and torch.cuda.is_available()):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
