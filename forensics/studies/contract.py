"""What a study is: a plan gives parts, each part gives rows, and the rows give tables, figures and one page.

A study is a frozen dataclass of what was asked for, small enough to be sent to another process; networks are loaded
when they are first needed. `studies.machine.complete` makes the parts that are missing, whoever made the others.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from forensics.report.rows import Row
from forensics.studies.store import PartStore

RowT = TypeVar("RowT", bound=Row)
SummaryT = TypeVar("SummaryT", bound="Summary", covariant=True)


@dataclass(frozen=True)
class Part(Generic[RowT]):
    """The key of one piece of work. Parts do not depend on one another."""

    kind: ClassVar[str]
    row: ClassVar[type[Row]]

    @property
    def name(self) -> str:
        """The name of its file: the kind, then the fields."""
        values = (getattr(self, each.name) for each in dataclasses.fields(self))
        return "-".join([self.kind, *map(_in_a_name, values)])

    @property
    def size(self) -> int:
        """How much of the work it is, as a progress bar counts it."""
        return 1


def _in_a_name(value: object) -> str:
    if isinstance(value, int):
        return f"{value:05d}"
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Summary(Row):
    """What a finished study says on a terminal: its folder, its page, and what else the study adds."""

    out: str
    report: str

    def lines(self) -> list[str]:
        """The summary for a person."""
        return [f"report: {self.report}"]


class Study(ABC, Generic[SummaryT]):
    """One study in the folder `out`; subclasses are frozen dataclasses."""

    title: ClassVar[str]
    in_one_process: ClassVar[bool] = False  # for a study whose `run_all` does two things at once itself
    out: Path

    @abstractmethod
    def conditions(self) -> Mapping[str, object]:
        """All that decides the rows, JSON-able. ForensicsError: what was asked for is not there or makes no sense."""

    @abstractmethod
    def parts(self) -> Sequence[Part[Any]]:
        """The parts, in order."""

    @abstractmethod
    def run(self, part: Part[Any]) -> Sequence[Row]:
        """Make one part; files that go with it are written first."""

    @abstractmethod
    def page(self) -> SummaryT:
        """Write tables, figures, page and evidence from the finished parts."""

    def children(self) -> Sequence[Study[Summary]]:
        """Studies whose parts this one's page needs too."""
        return ()

    def run_all(self, parts: Sequence[Part[Any]]) -> Iterator[tuple[Part[Any], Sequence[Row]]]:
        """The given parts with their rows, in one process; a study that can do two things at once does so here."""
        for part in parts:
            yield part, self.run(part)

    def is_current(self, part: Part[Any], rows: Sequence[Row]) -> bool:
        """Whether a part on disk belongs to the files it was made of."""
        return True

    @property
    def store(self) -> PartStore:
        """The finished parts."""
        return PartStore(self.out / "parts")

    def rows(self, part: Part[RowT]) -> list[RowT]:
        """The rows of a finished part."""
        rows: list[Any] = self.store.read(part)
        return rows

    def all_rows(self, parts: Sequence[Part[RowT]]) -> list[RowT]:
        """The rows of finished parts, one after the other."""
        return [row for part in parts for row in self.rows(part)]

    def __getstate__(self) -> dict[str, object]:
        """The fields only: what was loaded stays in the process that loaded it."""
        return {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}  # type: ignore[arg-type]
