"""One at a time, and of those that wait only the newest: what a slider moved fast asks of one network."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

T = TypeVar("T")
_VIEWS_KEPT = 64


class Superseded(Exception):
    """A newer request of the same view came while this one waited."""


class JobThread:
    """Runs jobs in a thread of its own, in order. Everything that touches the network goes through here: it is the
    network's lock, and torch keeps one set of threads instead of one a connection."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._guard = Lock()
        self._tickets = 0
        self._newest: OrderedDict[str, int] = OrderedDict()

    def run(self, job: Callable[[], T]) -> T:
        """The job's result, once those before it are done. CancelledError: closed before its turn came."""
        try:
            turn = self._thread.submit(job)
        except RuntimeError as error:  # what the pool says after its shutdown
            raise CancelledError from error
        return turn.result()

    def run_newest(self, view: str, job: Callable[[], T]) -> T:
        """As `run`; raises Superseded where the same `view` has asked again before the job's turn came."""
        with self._guard:
            self._tickets += 1
            mine = self._newest[view] = self._tickets
            self._newest.move_to_end(view)
            while len(self._newest) > _VIEWS_KEPT:
                self._newest.popitem(last=False)

        def unless_superseded() -> T:
            # A view that was forgotten among many is not superseded: it is served.
            if self._newest.get(view, mine) != mine:
                raise Superseded
            return job()

        return self.run(unless_superseded)

    def close(self) -> None:
        """Take no more jobs, forget those that wait; the one that runs comes to its end."""
        self._thread.shutdown(wait=True, cancel_futures=True)
