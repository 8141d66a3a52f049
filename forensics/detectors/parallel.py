"""Images scored side by side: small groups, one a thread, in order, and no further ahead than there are threads.

A thread computes by itself: two images on two cores take less time than one after the other, each on both, and what
they score does not depend on the number of cores.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from forensics.detectors.contract import Detector

GROUP: Final = 4  # images of 256 px whose layers stay in the cache of a core
_GROUP_PX: Final = 4 << 20  # pixels that are held by one group, unless one image has more

Item = TypeVar("Item")
Result = TypeVar("Result")


def thread_count(detectors: Iterable[Detector]) -> int:
    """How many threads may score with `detectors`: as PyTorch has; one on a GPU or to look for faces."""
    parts = [part for detector in detectors for part in (detector, *detector.parts)]
    if any(not part.threads or part.device != "cpu" for part in parts):
        return 1
    import torch

    return torch.get_num_threads()


def grouped(
    items: Iterable[Item], pixels: Callable[[Item], int], at_most: int = GROUP
) -> Iterator[list[Item]]:
    """`items` in order, `at_most` together, fewer where they have many `pixels`; nothing is read ahead."""
    group: list[Item] = []
    held = 0
    for item in items:
        group.append(item)
        held += pixels(item)
        if len(group) == at_most or held >= _GROUP_PX:
            yield group
            group, held = [], 0
    if group:
        yield group


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[tuple[Item, Result]]:
    """Each item with `work(item)`, in order, `threads` at a time; at most one item more than that has been read."""
    if threads < 2:
        yield from _one_by_one(work, items)
        return
    pending: deque[tuple[Item, Future[Result]]] = deque()
    with _threads(threads) as pool:
        try:
            for item in items:
                pending.append((item, pool.submit(work, item)))
                if len(pending) > threads:
                    done, future = pending.popleft()
                    yield done, future.result()
            while pending:
                done, future = pending.popleft()
                yield done, future.result()
        finally:
            for _, future in pending:
                future.cancel()


def _one_by_one(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
    """In this thread, NumPy's BLAS without others as in those of `_threads`: with two it adds up in another order."""
    from threadpoolctl import ThreadpoolController

    controller = ThreadpoolController()
    for item in items:
        with controller.limit(limits=1, user_api="blas"):
            result = work(item)
        yield item, result


@contextmanager
def _threads(n: int) -> Iterator[ThreadPoolExecutor]:
    """Threads in which neither PyTorch nor NumPy's BLAS starts others, which would wait for each other, busily."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    try:
        with (
            threadpool_limits(1, user_api="blas"),
            ThreadPoolExecutor(n, initializer=torch.set_num_threads, initargs=(1,)) as pool,
        ):
            yield pool
    finally:
        torch.set_num_threads(before)
