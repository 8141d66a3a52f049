"""`forensics prune`: weights pruned by magnitude, threshold by threshold, layer by layer and block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from forensics.core.cards import Card
from forensics.core.evidence import recorded
from forensics.core.files import write_bytes
from forensics.core.registry import register
from forensics.generators.pruning.channels import can_lose_channels
from forensics.generators.pruning.weights import weight_layers
from forensics.images import contact_sheet, encode_png
from forensics.report.rows import Row
from forensics.studies.channels.study import ChannelPlan, ChannelStudy
from forensics.studies.contract import Part, Study, Summary
from forensics.studies.machine import complete, one_thread
from forensics.studies.measured import SubjectStudy
from forensics.studies.pruning.page import PruningSection, PruningSummary, pruning_section, write_page
from forensics.studies.pruning.sheets import GRID_COLUMNS, GRID_GAP_PX, grid_path
from forensics.studies.pruning.sweep import FragilityRow, PrunedImages, SweepPlan, SweepRow, SweepTables
from forensics.studies.subject import load_subject, read_subject


@dataclass(frozen=True)
class SweepChunk(Part[SweepRow]):
    """The thresholds from number `start` on, as many as lie between two grids."""

    kind: ClassVar[str] = "sweep"
    row: ClassVar[type[Row]] = SweepRow
    start: int


@dataclass(frozen=True)
class LayerPart(Part[FragilityRow]):
    """Layer number `index` pruned alone."""

    kind: ClassVar[str] = "layer"
    row: ClassVar[type[Row]] = FragilityRow
    index: int


@dataclass(frozen=True)
class BlockPart(Part[FragilityRow]):
    """One block pruned alone."""

    kind: ClassVar[str] = "block"
    row: ClassVar[type[Row]] = FragilityRow
    block: str


PruningPart = SweepChunk | LayerPart | BlockPart


@register(
    "study",
    "pruning",
    Card(
        "Weights below a threshold set to zero: how much of a network can go before its images do.",
        paper="Laubmann & Reschke 2025, arXiv 2507.13722",
        domain="generators of every architecture here",
        defaults={"stop": 1.0, "steps": 1000, "every": 20, "images": 32, "space": "w"},
    ),
)
@dataclass(frozen=True)
class PruningStudy(SubjectStudy[PruningSummary]):
    """The sweep of the weights file `weights`."""

    title: ClassVar[str] = "pruning"
    plan: SweepPlan

    @cached_property
    def _images(self) -> PrunedImages:
        return PrunedImages(self.subject, self.plan, self.probe)

    def children(self) -> Sequence[Study[Summary]]:
        """The channels of the same network, where it is of a kind that can lose some."""
        return () if self.channels is None else (self.channels,)

    @cached_property
    def channels(self) -> ChannelStudy | None:
        """The study of whole channels taken out, or None."""
        checkpoint, network = read_subject(self.weights)
        if not can_lose_channels(checkpoint.networks[network]):
            return None
        names = ("images", "seed", "face_pack", "detector", "device")
        plan = ChannelPlan(**{name: getattr(self.plan, name) for name in names})
        return ChannelStudy(self.weights, self.out / "channels", plan)

    def chunks(self) -> list[SweepChunk]:
        """The parts of the sweep itself."""
        return [SweepChunk(i) for i in range(0, self.plan.steps + 1, self.plan.every)]

    def parts(self) -> list[PruningPart]:
        """The sweep, then every layer, then every block."""
        return [*self.chunks(), *self._layers(), *self._blocks()]

    def _layers(self) -> list[LayerPart]:
        return [LayerPart(i) for i in range(len(weight_layers(self.subject.generator)))]

    def _blocks(self) -> list[BlockPart]:
        layers = weight_layers(self.subject.generator)
        return [BlockPart(name) for name in dict.fromkeys(layer.block for layer in layers)]

    def run(self, part: PruningPart) -> Sequence[Row]:  # type: ignore[override]
        """Rows of a part; a chunk leaves the grid of its first threshold too."""
        layers = self._images.layers
        if isinstance(part, LayerPart):
            return self._images.fragility("layer", layers[part.index].name, [layers[part.index]])
        if isinstance(part, BlockPart):
            group = [layer for layer in layers if layer.block == part.block]
            return self._images.fragility("block", part.block, group)
        return self._chunk(part.start)

    def _chunk(self, start: int) -> list[SweepRow]:
        thresholds = self.plan.thresholds[start : start + self.plan.every]
        rows, x = self._images.rows(thresholds, self.plan.space)
        rows[0] = with_slow_measures(rows[0], *self._images.reference.slow_measures(x))
        sheet = contact_sheet(list(self.subject.generator.to_uint8(x)), GRID_COLUMNS, GRID_GAP_PX)
        write_bytes(grid_path(self.out, thresholds[0]), encode_png(sheet))
        return rows

    def tables(self) -> SweepTables:
        """The rows of the finished parts."""
        return SweepTables(
            self.all_rows(self.chunks()), self.all_rows(self._layers()), self.all_rows(self._blocks())
        )

    def section(self) -> PruningSection:
        """What a page shows of the finished sweep; tables and figures are written on the way."""
        channels = None if self.channels is None else self.channels.section()
        return pruning_section(self.subject, self.probe, self.plan, self.tables(), self.out, channels)

    def page(self) -> PruningSummary:
        """Tables, figures, pruning.html and evidence.json."""
        record = self.plan.evidence(self.subject, self.probe)
        return write_page(self.section(), self.subject, record, self.out)


def with_slow_measures(row: SweepRow, kid: float, probed: Row) -> SweepRow:
    """`row` with what is measured at few thresholds only."""
    return replace(row, kid=kid, **vars(probed))


@recorded
def study_pruning(weights: str, out: Path, plan: SweepPlan, *, workers: int = 1) -> PruningSummary:
    """Do (or finish) the sweep of the weights file `weights` below `out` and write its page.

    ForensicsError: `out` holds one made otherwise, or a face pack or detector is not there.
    """
    return complete(PruningStudy(weights, out, plan), workers=workers)


def single_threshold(weights: str, threshold: float, plan: SweepPlan) -> SweepRow:
    """The row of one threshold, with KID and the probe: the same numbers as in a sweep that holds it."""
    with one_thread():
        images = PrunedImages(load_subject(weights, plan.device), plan)
        rows, x = images.rows([threshold], plan.space)
        return with_slow_measures(rows[0], *images.reference.slow_measures(x))
