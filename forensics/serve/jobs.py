"""Examinations one after the other in a thread of their own: bounded in number, in bytes that wait, in results kept."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from forensics.core.errors import ForensicsError
from forensics.core.terminal import note
from forensics.explore.guard import Refused

MAX_WAITING: Final = 64
MAX_WAITING_BYTES: Final = 256 << 20
RESULTS_KEPT: Final = 200

State = Literal["waiting", "running", "done", "failed"]


@dataclass
class Job:
    """One examination. `result` is set when it is done, `error`, one line, when it failed."""

    kind: str
    name: str
    data: bytes = field(repr=False)
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    state: State = "waiting"
    result: dict[str, Any] | None = None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """What is told of it."""
        shown = {"id": self.id, "kind": self.kind, "name": self.name, "state": self.state}
        return shown | {"result": self.result, "error": self.error}


class Jobs:
    """Runs jobs by `work`, kind → function of bytes and a name. Results beyond `RESULTS_KEPT` are forgotten."""

    def __init__(self, work: dict[str, Callable[[bytes, str], dict[str, Any]]]) -> None:
        self._work = work
        self._queue: deque[Job] = deque()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._bytes = 0  # that wait, or are still being received
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="jobs", daemon=True).start()

    def reserve(self, n_bytes: int) -> None:
        """Room for an upload of `n_bytes`; Refused with 429 where too much waits already."""
        with self._changed:
            if len(self._queue) >= MAX_WAITING or self._bytes + n_bytes > MAX_WAITING_BYTES:
                raise Refused(429, f"{len(self._queue)} files wait already; try again in a moment")
            self._bytes += n_bytes

    def release(self, n_bytes: int) -> None:
        """The upload came to nothing."""
        with self._changed:
            self._bytes -= n_bytes

    def add(self, kind: str, name: str, data: bytes) -> Job:
        """Queue an upload for which `reserve` has room."""
        job = Job(kind, name, data)
        with self._changed:
            if len(self._queue) >= MAX_WAITING:
                raise Refused(429, f"{len(self._queue)} files wait already; try again in a moment")
            self._queue.append(job)
            self._jobs[job.id] = job
            self._forget()
            self._changed.notify_all()
        return job

    def get(self, identity: str) -> Job:
        """The job; Refused with 404 where there is none, or none any more."""
        with self._changed:
            if identity not in self._jobs:
                raise Refused(404, "there is no such job, or its result has been forgotten")
            return self._jobs[identity]

    def counts(self) -> dict[str, int]:
        """How many jobs are in which state."""
        with self._changed:
            states = [job.state for job in self._jobs.values()]
        return {state: states.count(state) for state in ("waiting", "running", "done", "failed")}

    def _forget(self) -> None:
        ended = [key for key, job in self._jobs.items() if job.state in ("done", "failed")]
        for key in ended[: max(0, len(self._jobs) - RESULTS_KEPT)]:
            del self._jobs[key]

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue)
                job = self._queue.popleft()
                job.state = "running"
            try:
                job.result, state = self._work[job.kind](job.data, job.name), "done"
            except ForensicsError as error:
                job.error, state = str(error), "failed"
            except (
                Exception
            ) as error:  # the page is told, the terminal has the cause, and the next one goes on
                note(f"an examination failed: {error!r}")
                job.error, state = "it could not be examined; the terminal says why", "failed"
            with self._changed:
                self._bytes -= len(job.data)
                job.data = b""
                job.state = "done" if state == "done" else "failed"
