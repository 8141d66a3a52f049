"""`forensics study equilibrium`: D(x) against D(G(z)) over the snapshots of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from forensics.core.cards import Card
from forensics.core.errors import CheckpointError, ForensicsError
from forensics.core.evidence import evidence, recorded
from forensics.core.files import sha256_file
from forensics.core.registry import register
from forensics.core.weights import weights_file
from forensics.report.rows import Row
from forensics.studies.contract import Part, Study
from forensics.studies.equilibrium.measurement import (
    EquilibriumPlan,
    Photographs,
    logged_rows,
    overlap_row,
    snapshot_row,
)
from forensics.studies.equilibrium.page import EquilibriumSummary, write_page
from forensics.studies.equilibrium.rows import SnapshotRow
from forensics.studies.machine import complete


@dataclass(frozen=True)
class SnapshotPart(Part[SnapshotRow]):
    """Weights file number `index` of those that were named."""

    kind: ClassVar[str] = "snapshot"
    row: ClassVar[type[Row]] = SnapshotRow
    index: int


@register(
    "study",
    "equilibrium",
    Card(
        "How near the generator and the discriminator of a training are to balance, snapshot by snapshot.",
        paper="Goodfellow et al. 2014, arXiv 1406.2661, proposition 2; overlap: Inman & Bradley 1989",
        domain="snapshots that hold a discriminator, networks without classes",
        defaults={"images": 400},
    ),
)
@dataclass(frozen=True)
class EquilibriumStudy(Study[EquilibriumSummary]):
    """`snapshots`: weights files, or folders of runs, whose own logs are read; `data`: photographs for the files."""

    title: ClassVar[str] = "snapshots"
    snapshots: tuple[Path, ...]
    out: Path
    data: Path | None
    plan: EquilibriumPlan

    @cached_property
    def files(self) -> list[Path]:
        """The weights files among the snapshots."""
        return [weights_file(path) for path in self.snapshots if not path.is_dir()]

    @cached_property
    def _photographs(self) -> Photographs:
        if self.data is None:
            raise ForensicsError("--data: give the photographs that D is asked about beside the snapshots")
        return Photographs(self.data)

    @cached_property
    def _logged(self) -> list[SnapshotRow]:
        return [row for folder in self.snapshots if folder.is_dir() for row in logged_rows(folder)]

    def conditions(self) -> Mapping[str, object]:
        """The plan and the hashes of what it reads. ForensicsError: a missing file, a run without a log, no data."""
        _ = self._logged
        if not self.files:
            return asdict(self.plan)
        hashes = [_hash(path) for path in self.files]
        return {"snapshots": hashes, "data": self._photographs.at(64).sha256, **asdict(self.plan)}

    def parts(self) -> list[SnapshotPart]:
        """One a weights file."""
        return [SnapshotPart(i) for i in range(len(self.files))]

    def run(self, part: SnapshotPart) -> list[SnapshotRow]:  # type: ignore[override]
        """The row of a weights file."""
        return [snapshot_row(self.files[part.index], self._photographs, self.plan)]

    def table(self) -> list[SnapshotRow]:
        """A row a snapshot, network by network, in the order of training."""
        rows = [*self._logged, *self.all_rows(self.parts())]
        networks = list(dict.fromkeys(row.network for row in rows))
        return sorted(rows, key=lambda row: (networks.index(row.network), row.kimg is None, row.kimg or 0))

    def page(self) -> EquilibriumSummary:
        """Tables, figures, equilibrium.html and evidence.json."""
        rows = self.table()
        inputs = {row.file: row.sha256 for row in rows if row.sha256}
        if self.files:  # a log says nothing of its photographs
            inputs["photographs"] = self._photographs.at(64).sha256
        options = {"images": self.plan.images, "device": self.plan.device}
        record = evidence(inputs, {"latents": self.plan.seed}, options)
        return write_page(self.out, rows, [overlap_row(row) for row in rows], record)


def _hash(path: Path) -> str:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    return sha256_file(path)


@recorded
def study_equilibrium(
    snapshots: Sequence[Path], out: Path, data: Path | None, plan: EquilibriumPlan, *, workers: int = 1
) -> EquilibriumSummary:
    """Do (or finish) the equilibrium figure of `snapshots` (files, or the folders of runs) below `out`.

    ForensicsError: a snapshot without D or with classes, a folder without a log, no data, or `out` made otherwise.
    """
    return complete(EquilibriumStudy(tuple(snapshots), out, data, plan), workers=workers)
