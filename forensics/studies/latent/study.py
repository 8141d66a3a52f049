"""`forensics latent`: the whole latent scaled, and every dimension of w moved by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from forensics.core.cards import Card
from forensics.core.evidence import recorded
from forensics.core.files import write_bytes
from forensics.core.registry import register
from forensics.images import contact_sheet, encode_png
from forensics.report.exhibits import Exhibits
from forensics.report.rows import Row
from forensics.studies.contract import Part
from forensics.studies.latent.page import LatentSection, LatentSummary, latent_section, write_page
from forensics.studies.latent.rows import DimensionRow, LatentTables, MovedTogether, ScalingRow
from forensics.studies.latent.sweeps import FACTORS, SPACES, LatentPlan, MovedLatents, centre_of, spread_of
from forensics.studies.machine import complete, one_thread
from forensics.studies.measured import SubjectStudy
from forensics.studies.subject import load_subject

_CHUNK = 16


@dataclass(frozen=True)
class ScalingPart(Part[ScalingRow]):
    """Every space at every factor."""

    kind: ClassVar[str] = "scaling"
    row: ClassVar[type[Row]] = ScalingRow


@dataclass(frozen=True)
class DimensionChunk(Part[DimensionRow]):
    """16 dimensions of w from number `start` on."""

    kind: ClassVar[str] = "dims"
    row: ClassVar[type[Row]] = DimensionRow
    start: int


@register(
    "study",
    "latent",
    Card(
        "What a latent does to the image: the whole vector scaled, and one dimension of w at a time moved.",
        paper="Laubmann & Reschke 2025, arXiv 2507.13722",
        domain="generators of every architecture here",
        defaults={"images": 8, "delta": 10.0},
    ),
)
@dataclass(frozen=True)
class LatentStudy(SubjectStudy[LatentSummary]):
    """The study of the weights file `weights`."""

    title: ClassVar[str] = "latents"
    plan: LatentPlan

    @cached_property
    def _moved(self) -> MovedLatents:
        return MovedLatents(self.subject, self.plan, self.probe)

    @cached_property
    def _spread(self) -> np.ndarray:
        return spread_of(self.subject)

    def chunks(self) -> list[DimensionChunk]:
        """The parts that move dimensions."""
        return [DimensionChunk(i) for i in range(0, self.subject.generator.w_dim, _CHUNK)]

    def parts(self) -> list[ScalingPart | DimensionChunk]:
        """Scaling, then the dimensions."""
        return [ScalingPart(), *self.chunks()]

    def run(self, part: ScalingPart | DimensionChunk) -> Sequence[Row]:  # type: ignore[override]
        """Rows of a part."""
        if isinstance(part, ScalingPart):
            centre = centre_of(self.subject)
            return [self._moved.scaling_row(space, f, centre) for space in SPACES for f in FACTORS]
        dims = range(part.start, min(part.start + _CHUNK, len(self._spread)))
        return [self._moved.dimension_row(dim, float(self._spread[dim])) for dim in dims]

    def tables(self) -> LatentTables:
        """The rows of the finished parts; dimensions by feature distance, largest first."""
        dimensions = self.all_rows(self.chunks())
        dimensions.sort(key=lambda row: (-row.feature_distance, row.dim))
        return LatentTables(self.rows(ScalingPart()), dimensions)

    def section(self) -> LatentSection:
        """What a page shows of the finished study; tables, sheets and figures are written on the way."""
        return latent_section(
            self._moved, self.probe, self.tables(), self.out, float(np.median(self._spread))
        )

    def page(self) -> LatentSummary:
        """Tables, sheets, figures, latent.html and evidence.json."""
        return write_page(
            self.section(), self.subject, self.plan.evidence(self.subject, self.probe), self.out
        )


@recorded
def study_latent(weights: str, out: Path, plan: LatentPlan, *, workers: int = 1) -> LatentSummary:
    """Do (or finish) the latent study of the weights file `weights` below `out` and write its page.

    ForensicsError: `out` holds one made otherwise, or a face pack or detector is not there.
    """
    return complete(LatentStudy(weights, out, plan), workers=workers)


@recorded
def move_dimensions(weights: str, dims: Sequence[int], out: Path, plan: LatentPlan) -> MovedTogether:
    """Move `dims` together by the plan's delta; write the images before (top) and after (bottom) as one PNG to `out`,
    the measures as CSV and the evidence beside it."""
    with one_thread():
        probe = plan.probe()
        moved = MovedLatents(load_subject(weights, plan.device), plan, probe)
        ws = moved.ws.clone()
        for dim in dims:
            ws += moved.moved(dim, plan.delta) - moved.ws
        x = moved.subject.synthesize(ws)
        after = moved.subject.generator.to_uint8(x)
        measured = {**vars(moved.effect_of(x)), **vars(moved.probe.measure(after))}
    stem = f"dim-{'-'.join(map(str, dims))}-delta{plan.delta:+g}"
    path = out / f"{stem}.png"
    write_bytes(path, encode_png(contact_sheet([*moved.pixels, *after], plan.images)))
    row = MovedTogether(image=str(path), dims=list(dims), delta=plan.delta, **measured)
    Exhibits(out).table(stem, [row], ("dims", "delta"))
    plan.evidence(moved.subject, probe, dims=list(dims)).write_beside(path)
    return row
