"""The rows of an equilibrium study."""

from __future__ import annotations

from dataclasses import dataclass, field

from forensics.report.rows import IF_MEASURED, Row


@dataclass(frozen=True, kw_only=True)
class SnapshotRow(Row):
    """What the discriminator of one snapshot says: numbers of photographs (`real`) and of generated images (`fake`) in
    each of 40 equal parts of [0, 1]. `network` tells snapshots of different networks apart; `sha256` is empty for a
    moment of a run's own log."""

    file: str
    network: str
    sha256: str
    kimg: float | None
    real: list[int]
    fake: list[int]

    @property
    def moment(self) -> str:
        """The snapshot in a few words."""
        return self.file if self.kimg is None else f"{self.kimg:g} kimg"


@dataclass(frozen=True)
class OverlapRow(Row):
    """The overlap of the two histograms of a snapshot with its 95 % interval, `overlap_of_one` what two samples of one
    distribution would have, and the means of both (to a bin's width)."""

    file: str
    network: str
    kimg: float | None
    overlap: float
    overlap_low: float
    overlap_high: float
    overlap_of_one: float
    mean_real: float
    mean_fake: float
    n_real: int
    n_fake: int


@dataclass(frozen=True)
class BinRow(Row):
    """One part of [0, 1] of a snapshot: numbers of photographs and of generated images."""

    file: str
    kimg: float | None
    start: float
    end: float
    real: int
    fake: int
    network: str | None = field(default=None, metadata=IF_MEASURED)
