"""A latent study as tables, sheets of images, figures and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forensics.core.evidence import Evidence
from forensics.core.files import write_text
from forensics.report.exhibits import Exhibits
from forensics.report.page import render
from forensics.report.rows import Row
from forensics.studies.contract import Summary
from forensics.studies.latent import figures
from forensics.studies.latent.effects import StrongestRow, ranked, strongest
from forensics.studies.latent.rows import DimensionRow, LatentTables, RankedDimension
from forensics.studies.latent.sheets import Sheet, limit_sheet, scaling_sheet, top_sheet
from forensics.studies.latent.sweeps import FACTORS, LADDER, SPACES, MovedLatents
from forensics.studies.probes import Probe, too_small_for
from forensics.studies.subject import Subject

_TABLE_ROWS = 20


@dataclass(frozen=True, kw_only=True)
class LatentFacts(Row):
    """The dimensions that a terminal names: the first ten by feature distance, and the first of each effect."""

    strongest_dimensions: list[int]
    strongest: dict[str, list[int]]

    def strongest_words(self) -> list[str]:
        """The dimensions of w with most of each effect, a line an effect."""
        return [
            f"dimensions of w with most effect, by {effect}: {', '.join(map(str, dims))}"
            for effect, dims in self.strongest.items()
        ]


@dataclass(frozen=True, kw_only=True)
class LatentSummary(LatentFacts, Summary):
    """The facts, with the folder and the page."""

    def lines(self) -> list[str]:
        """The summary for a person."""
        return [*self.strongest_words(), f"report: {self.report}"]


@dataclass(frozen=True, kw_only=True)
class LatentSection:
    """What a page shows of a latent study."""

    headline: str
    scaling_curves: str
    sheets: Mapping[str, str]
    ranking: str
    maps: str
    tops: Sheet
    limits: Sheet
    strongest: Sequence[StrongestRow]
    factors: Sequence[str]
    dimensions: Sequence[RankedDimension]
    n_dimensions: int
    delta: float
    spread: float
    images: int
    has_faces: bool
    has_detector: bool
    has_discriminator: bool
    resolution: int
    validated_from_px: int | None
    losses: str | None
    ladder: Sequence[str]
    never_lost: int
    facts: LatentFacts


def latent_section(
    moved: MovedLatents, probe: Probe, tables: LatentTables, out: Path, spread: float
) -> LatentSection:
    """What a page shows of a finished study; its files are written to `out` on the way. `spread`: the median standard
    deviation of a dimension of w."""
    exhibits, plan, resolution = Exhibits(out), moved.plan, moved.subject.generator.img_resolution
    dimensions = ranked(tables.dimensions)
    _write_tables(exhibits, tables, dimensions)
    lines = strongest(tables.dimensions)
    return LatentSection(
        headline=_headline(dimensions, plan.delta),
        scaling_curves=figures.scaling(exhibits, "scaling", tables.scaling),
        sheets={space: scaling_sheet(exhibits, moved, space, tables.scaling) for space in SPACES},
        ranking=figures.ranking(exhibits, "dimensions", dimensions),
        maps=figures.maps(exhibits, "maps", dimensions),
        tops=top_sheet(exhibits, moved, dimensions),
        limits=limit_sheet(exhibits, moved, tables.dimensions),
        strongest=lines,
        factors=[f"{f:g}" for f in FACTORS],
        dimensions=dimensions[:_TABLE_ROWS],
        n_dimensions=len(dimensions),
        delta=plan.delta,
        spread=spread,
        images=plan.images,
        has_faces=probe.faces is not None,
        has_detector=probe.detector is not None,
        has_discriminator=moved.subject.discriminator is not None,
        resolution=resolution,
        validated_from_px=too_small_for(probe, resolution),
        losses=_losses(exhibits, dimensions) if probe.faces is not None else None,
        ladder=[f"{step:g}" for step in LADDER],
        never_lost=sum(row.lost_at is None for row in dimensions),
        facts=LatentFacts(
            strongest_dimensions=[row.dim for row in dimensions[:10]],
            strongest={line.effect: line.dims for line in lines},
        ),
    )


def write_page(section: LatentSection, subject: Subject, record: Evidence, out: Path) -> LatentSummary:
    """latent.html and evidence.json in `out`."""
    context = {"title": f"Latents of {subject.file}", "latent": section, "evidence": record.lines()}
    write_text(out / "latent.html", render("latent.html", context))
    record.write(out)
    return LatentSummary(out=str(out), report=str(out / "latent.html"), **vars(section.facts))


def _headline(dimensions: Sequence[RankedDimension], delta: float) -> str:
    """The result in one sentence: which dimension moves the image most, and how much the middle one does."""
    first, middle = dimensions[0], dimensions[len(dimensions) // 2]
    return (
        f"Moved by ±{delta:g}, dimension {first.dim} of w changes the image most (feature distance "
        f"{first.feature_distance:.2f}, mostly {first.place}); the median dimension changes it by "
        f"{middle.feature_distance:.2f}."
    )


@dataclass(frozen=True)
class MapCell(Row):
    """One cell of the map of a dimension: mean absolute change in grey levels."""

    dim: int
    row: int
    column: int
    change: float


def _write_tables(exhibits: Exhibits, tables: LatentTables, dimensions: Sequence[RankedDimension]) -> None:
    exhibits.table("scaling", tables.scaling, ("space", "factor", "radius"))
    first = ("rank", "dim", "delta_in_sigma", "feature_distance", "pixel_change")
    exhibits.table("dimensions", dimensions, first)
    cells = [
        MapCell(row.dim, y, x, change)
        for row in dimensions
        for y, line in enumerate(row.map)
        for x, change in enumerate(line)
    ]
    exhibits.table("maps", cells)


def _losses(exhibits: Exhibits, dimensions: Sequence[DimensionRow]) -> str | None:
    """The figure of lost faces; None where the unchanged images hold none to lose."""
    if all(row.lost_at == 0 for row in dimensions):
        return None
    shares = figures.shares_lost(dimensions)
    exhibits.table("faces-lost", shares)
    return figures.faces_lost(exhibits, "faces-lost", shares)
