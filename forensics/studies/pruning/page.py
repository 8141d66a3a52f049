"""A pruning sweep as tables, figures and a page, beside the published run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forensics.core.evidence import Evidence
from forensics.core.files import write_text
from forensics.generators.pruning.weights import weight_layers
from forensics.report.exhibits import Exhibits
from forensics.report.page import percent, render
from forensics.report.rows import Row
from forensics.studies.channels.page import ChannelBrief, ChannelSection, channel_lines
from forensics.studies.contract import Summary
from forensics.studies.probes import Probe, too_small_for
from forensics.studies.pruning import figures
from forensics.studies.pruning.knee import METHOD, Knee, knee
from forensics.studies.pruning.published import PUBLISHED_WORDS, ComparedRow, comparison, comparison_lines
from forensics.studies.pruning.sheets import strip
from forensics.studies.pruning.sweep import SweepPlan, SweepRow, SweepTables
from forensics.studies.subject import Subject


@dataclass(frozen=True)
class KneeRow(Row):
    """The knee of one curve; None where it has none."""

    curve: str
    x: float | None
    y: float | None
    bend: float | None
    method: str = METHOD

    @property
    def title(self) -> str:
        """The curve in words."""
        return figures.CURVES[self.curve][0]


@dataclass(frozen=True, kw_only=True)
class PruningFacts(Row):
    """The numbers of a sweep that a terminal shows."""

    nonzero_at_start: int
    nonzero_at_end: int
    d_probability_at_start: float | None
    d_probability_at_end: float | None
    knees: dict[str, float | None]
    channels: dict[str, ChannelBrief]
    channels_times_as_fast: dict[str, float]
    comparison: list[str]

    def words(self) -> list[str]:
        """The published run beside this one, the knees, and what taking channels out did."""
        at = {name: "none" if x is None else f"{x:.3f}" for name, x in self.knees.items()}
        knees = ", ".join(f"{name} {where}" for name, where in at.items())
        return [
            *self.comparison,
            f"knees: {knees} (published: {PUBLISHED_WORDS})",
            *channel_lines(self.channels, self.channels_times_as_fast),
        ]


@dataclass(frozen=True, kw_only=True)
class PruningSummary(PruningFacts, Summary):
    """The facts, with the folder and the page."""

    def lines(self) -> list[str]:
        """The summary for a person."""
        return [*self.words(), f"report: {self.report}"]


@dataclass(frozen=True, kw_only=True)
class PruningSection:
    """What a page shows of a sweep."""

    headline: str
    curves: str
    heat: Mapping[str, str]
    strip: str
    strip_thresholds: Sequence[str]
    knees: Sequence[KneeRow]
    method: str
    comparison: Sequence[ComparedRow]
    every: int
    n: int
    images: int
    is_probed: bool
    space: str
    resolution: int
    validated_from_px: int | None
    has_discriminator: bool
    hardly_pruned: Sequence[str]
    channels: ChannelSection | None
    facts: PruningFacts


def pruning_section(
    subject: Subject,
    probe: Probe,
    plan: SweepPlan,
    tables: SweepTables,
    out: Path,
    channels: ChannelSection | None,
) -> PruningSection:
    """What a page shows of a finished sweep; its tables and figures are written to `out` on the way."""
    exhibits, sweep = Exhibits(out), tables.sweep
    knees = {
        name: knee(figures.column(sweep, "threshold"), figures.column(sweep, name))
        for name in figures.known_curves(sweep)
        if name != "nonzero"
    }
    knee_rows = [_knee_row(name, bend) for name, bend in knees.items()]
    _write_tables(exhibits, tables, knee_rows)
    sheet, thresholds = strip(exhibits, plan, sweep)
    return PruningSection(
        headline=_headline(sweep),
        curves=figures.curves(exhibits, "sweep", sweep, knees),
        heat={
            "layer": figures.fragility(exhibits, "layers", tables.layers),
            "block": figures.fragility(exhibits, "blocks", tables.blocks),
        },
        strip=sheet,
        strip_thresholds=thresholds,
        knees=knee_rows,
        method=METHOD,
        comparison=comparison(sweep),
        every=plan.every,
        n=len(sweep),
        images=plan.images,
        is_probed=plan.face_pack is not None or plan.detector is not None,
        space=plan.space,
        resolution=subject.generator.img_resolution,
        validated_from_px=too_small_for(probe, subject.generator.img_resolution),
        has_discriminator=subject.discriminator is not None,
        hardly_pruned=_hardly_pruned(subject, plan.stop),
        channels=channels,
        facts=_facts(sweep, knees, channels),
    )


def write_page(section: PruningSection, subject: Subject, record: Evidence, out: Path) -> PruningSummary:
    """pruning.html and evidence.json in `out`."""
    context = {"title": f"Pruning of {subject.file}", "pruning": section, "evidence": record.lines()}
    write_text(out / "pruning.html", render("pruning.html", context))
    record.write(out)
    return PruningSummary(out=str(out), report=str(out / "pruning.html"), **vars(section.facts))


def _headline(sweep: Sequence[SweepRow]) -> str:
    """The result in one sentence: how far the images move at the first threshold that takes a tenth of the weights."""
    tenth = next((row for row in sweep if row.share_left <= 0.9), sweep[-1])
    last = sweep[-1]
    return (
        f"With a tenth of the weights gone (threshold {tenth.threshold:g}) a pixel changes by {tenth.pixel_change:.1f} "
        f"grey levels; at threshold {last.threshold:g}, with {percent(last.share_left)} left, by "
        f"{last.pixel_change:.1f}."
    )


def _knee_row(curve: str, bend: Knee | None) -> KneeRow:
    return KneeRow(curve, None, None, None) if bend is None else KneeRow(curve, bend.x, bend.y, bend.bend)


def _write_tables(exhibits: Exhibits, tables: SweepTables, knees: Sequence[KneeRow]) -> None:
    exhibits.table("sweep", tables.sweep, ("threshold", "nonzero", "share_left", "d_probability"))
    exhibits.table("layers", tables.layers, ("layer", "sigmas", "count", "nonzero", "share_left"))
    exhibits.table("blocks", tables.blocks, ("block", "sigmas", "count", "nonzero", "share_left"))
    exhibits.table("knees", knees)


def _facts(
    sweep: Sequence[SweepRow], knees: Mapping[str, Knee | None], channels: ChannelSection | None
) -> PruningFacts:
    first, last = sweep[0], sweep[-1]
    return PruningFacts(
        nonzero_at_start=first.nonzero,
        nonzero_at_end=last.nonzero,
        d_probability_at_start=_or_none(first.d_probability),
        d_probability_at_end=_or_none(last.d_probability),
        knees={name: bend.x if bend else None for name, bend in knees.items()},
        channels=channels.briefs if channels else {},
        channels_times_as_fast=channels.times_as_fast if channels else {},
        comparison=comparison_lines(comparison(sweep)),
    )


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def _hardly_pruned(subject: Subject, stop: float) -> list[str]:
    """Layers that are stored so large (a learning rate multiplier) that thresholds up to `stop` leave 9 in 10."""
    layers = weight_layers(subject.generator)
    return [layer.name for layer in layers if float((layer.stored.abs() >= stop).double().mean()) > 0.9]
