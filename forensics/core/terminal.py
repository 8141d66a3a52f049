"""What a person sees: data on stdout; progress, notes and errors on stderr.

Progress bars appear on a terminal only; in a pipe a long job prints a plain line now and then. `NO_COLOR` is
honoured (rich does). Text that came from a file is escaped before it reaches the terminal.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
_PLAIN_LINE_EVERY_S = 15.0


def console() -> Console:
    """The stderr console (made on each call: tests and `NO_COLOR` change the stream and environment)."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def printable(text: object) -> str:
    """`text` on one line, with control characters and terminal escapes made visible."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def note(message: str) -> None:
    """One line on stderr."""
    print(printable(message), file=sys.stderr, flush=True)


def print_line(line: str) -> None:
    """One line of data on stdout, flushed so that a reader at the other end of a pipe gets it now."""
    print(line, flush=True)


def print_json(value: Any) -> None:
    """One line of JSON on stdout, keys sorted."""
    print_line(json.dumps(value, sort_keys=True))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout: wrapped to a terminal's width, in a pipe one line a row with the columns aligned."""
    cells = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_wrapped(columns, cells)
        return
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for row in (columns, *cells):
        print_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_wrapped(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, padding=(0, 2, 0, 0), header_style="bold")
    for row in cells:
        table.add_row(*map(Text, row))  # Text: a cell is no markup
    Console(highlight=False).print(table)


def print_summary(summary: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """What a command found, on stdout: one JSON object with sorted keys, or the lines for a person."""
    if as_json:
        print_json(summary)
        return
    for line in lines:
        print_line(printable(line))


class Meter(Protocol):
    """What `progress` yields: tell it how many more items are done, and a short status to show."""

    def advance(self, n: int = 1, status: str = "") -> None:
        """Count `n` more items as done."""


# What shows how far a job is: `progress`, or a test's stand-in for it. Takes a title and a total.
Progress = Callable[[str, int], AbstractContextManager[Meter]]


class _SilentMeter:
    def advance(self, n: int = 1, status: str = "") -> None:
        pass


def no_progress(title: str, total: int) -> AbstractContextManager[Meter]:
    """Shows nothing: what stands in for `progress` where a function is called as a library."""
    return nullcontext(_SilentMeter())


class _PlainMeter:
    def __init__(self, title: str, total: int | None) -> None:
        self.title, self.total, self.done = title, total, 0
        self.next_line = time.monotonic() + _PLAIN_LINE_EVERY_S

    def advance(self, n: int = 1, status: str = "") -> None:
        self.done += n
        if time.monotonic() >= self.next_line:
            self.next_line = time.monotonic() + _PLAIN_LINE_EVERY_S
            note(
                f"{self.title}: {self.done}/{self.total if self.total is not None else '?'} {status}".rstrip()
            )


@contextmanager
def progress(title: str, total: int | None, *, done: int = 0) -> Iterator[Meter]:
    """A progress bar on a terminal, a plain line every 15 s in a pipe. `done` items were finished before."""
    stderr = console()
    if not stderr.is_terminal:
        meter = _PlainMeter(title, total)
        meter.done = done
        yield meter
        return
    from rich import progress as bars

    # markup=False: a file's name may be in the status, and "[/b].png" is no markup.
    title_column, status_column = (
        bars.TextColumn(t, markup=False) for t in ("{task.description}", "{task.fields[status]}")
    )
    columns = (
        title_column,
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
        status_column,
    )
    # Lines printed beside the bar go above it, but data that goes to a file or a pipe must arrive there.
    with bars.Progress(*columns, console=stderr, redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task(printable(title), total=total, completed=done, status="")

        class _BarMeter:
            def advance(self, n: int = 1, status: str = "") -> None:
                bar.update(task, advance=n, status=printable(status))

        yield _BarMeter()


def tracked(items: Iterable[T], title: str, total: int | None) -> Iterator[T]:
    """Yield `items` under a progress bar."""
    with progress(title, total) as meter:
        for item in items:
            yield item
            meter.advance()
