"""The one machine of all studies: the parts that are missing are made, in one process or several, then the page.

A part that is on disk is not made again, by whichever process; a kill loses only what was under way. Interrupted and
uninterrupted runs end in the same bytes. Ctrl-C ends the worker processes at once; they hold no semaphores.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

import torch

from forensics.core.errors import ForensicsError
from forensics.core.interruption import shielded
from forensics.core.terminal import progress
from forensics.studies.contract import Part, Study, Summary

SummaryT = TypeVar("SummaryT", bound=Summary)
_PATIENCE_S = 10.0  # for a worker that has nothing left to do


def complete(study: Study[SummaryT], *, workers: int = 1) -> SummaryT:
    """Make the parts that are missing, of the study and of its children, in `workers` processes; then the page.

    ForensicsError: something asked for is missing, or the folder holds a study made with other options; nothing is
    written then.
    """
    finish_parts(study, workers=workers)
    with one_thread():
        return study.page()


def finish_parts(study: Study[Summary], *, workers: int = 1) -> None:
    """Make the parts that are missing, of the study and of its children."""
    family = list(_family(study))
    conditions = [one.conditions() for one in family]  # all of them first: a mistake is known before any work
    for one, made_under in zip(family, conditions, strict=True):
        if one.parts():
            with one.store.hold(made_under):
                _finish(one, workers)


def _family(study: Study[Summary]) -> Iterator[Study[Summary]]:
    yield study
    for child in study.children():
        yield from _family(child)


def _finish(study: Study[Summary], workers: int) -> None:
    parts = study.parts()
    todo = [part for part in parts if not _is_finished(study, part)]
    if not todo:
        return
    total = sum(part.size for part in parts)
    with progress(study.title, total, done=total - sum(part.size for part in todo)) as meter:
        several = min(workers, len(todo)) > 1 and not study.in_one_process
        results = _in_processes(study, todo, workers) if several else _here(study, todo)
        for part in results:
            meter.advance(part.size)


def _is_finished(study: Study[Summary], part: Part[Any]) -> bool:
    rows = study.store.read_if_whole(part)
    return rows is not None and study.is_current(part, rows)


def _here(study: Study[Summary], todo: Sequence[Part[Any]]) -> Iterator[Part[Any]]:
    with one_thread():
        for part, rows in study.run_all(todo):
            study.store.write(part, rows)
            yield part


def _in_processes(study: Study[Summary], todo: Sequence[Part[Any]], workers: int) -> Iterator[Part[Any]]:
    """Each part as a worker finishes it. However this ends, no worker is left."""
    left = list(reversed(todo))
    processes, busy = _start(study, min(workers, len(todo)))
    try:
        for connection in busy:
            busy[connection] = left.pop()
            connection.send(busy[connection])
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)  # nothing else was waited for
                yield _finished(ready, busy)
                if left:
                    busy[ready] = left.pop()
                ready.send(busy.get(ready))  # None: nothing is left to do
        for process in processes:
            process.join(_PATIENCE_S)
    finally:
        for process in processes:
            process.kill()
            process.join()


def _finished(connection: Connection, busy: dict[Connection, Any]) -> Part[Any]:
    """The part that the worker at the other end has finished; raises what it raised."""
    part: Part[Any] = busy.pop(connection)
    try:
        error = connection.recv()
    except EOFError:
        raise ForensicsError(f"the process at work on {part.name} ended: is there memory enough?") from None
    if error is not None:
        raise error
    return part


def _start(study: Study[Summary], count: int) -> tuple[list[SpawnProcess], dict[Connection, Any]]:
    """Worker processes that take no notice of Ctrl-C (this one does), and this end of the pipe to each."""
    context = get_context("spawn")
    processes: list[SpawnProcess] = []
    ends: dict[Connection, Any] = {}
    resource_tracker.ensure_running()  # or starting it would let signals through again
    with shielded():
        for _ in range(count):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, study), daemon=True)
            process.start()
            there.close()
            processes.append(process)
            ends[here] = None
    return processes, ends


def _serve(connection: Connection, study: Study[Summary]) -> None:
    """A worker: parts come through `connection`, None or the error goes back. It ends with its parent."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)
    while (part := connection.recv()) is not None:
        try:
            study.store.write(part, study.run(part))
        except Exception as error:
            connection.send(_sendable(error))
        else:
            connection.send(None)


def _sendable(error: Exception) -> Exception:
    """The error itself where another process can read it, which a foreign one need not allow."""
    return error if isinstance(error, ForensicsError) else RuntimeError(f"{type(error).__name__}: {error}")


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


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
