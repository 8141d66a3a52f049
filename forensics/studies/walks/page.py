"""The page of a walk study: all networks together, and a section for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from forensics.core.evidence import Evidence
from forensics.core.files import write_text
from forensics.report.exhibits import Exhibits
from forensics.report.page import percent, render
from forensics.studies.contract import Summary
from forensics.studies.monsters.facts import MonsterSummary
from forensics.studies.monsters.page import MonsterSection
from forensics.studies.walks import figures
from forensics.studies.walks.comparison import Comparison, compare
from forensics.studies.walks.faces import TimesRow
from forensics.studies.walks.network import NetworkRow, NetworkSection
from forensics.studies.walks.percent_yield import Outcome


class PlanWords(Protocol):
    """What the page says of the plan."""

    @property
    def walks(self) -> int:
        """Walks a network."""

    @property
    def seed(self) -> int:
        """Seed of the walks and of the resampling."""


@dataclass(frozen=True, kw_only=True)
class PagePieces:
    """What the page is made of: outcomes by label, a section a network, and monster sections by label."""

    plan: PlanWords
    pack: str
    outcomes: Mapping[str, Outcome]
    networks: Sequence[NetworkSection]
    monsters: Mapping[str, MonsterSection]


@dataclass(frozen=True)
class WalkSummary(Summary):
    """A row a network, comparisons, monsters by label, and the times of this run."""

    networks: list[NetworkRow]
    comparisons: list[Comparison]
    monsters: dict[str, MonsterSummary]
    times: TimesRow

    def lines(self) -> list[str]:
        """The summary for a person."""
        lines = [*map(_network_line, self.networks), *map(_comparison_line, self.comparisons)]
        for label, summary in self.monsters.items():
            lines += [f"{label}: {line}" for line in summary.lines() if not line.startswith("report:")]
        return [*lines, self.times.words(), f"report: {self.report}"]


def _network_line(row: NetworkRow) -> str:
    low, high = 100 * row.yield_low, 100 * row.yield_high
    return (
        f"{row.network}: {100 * row.face_yield:.1f} % [{low:.1f}, {high:.1f}] of {row.images} images hold a face, mean"
        f" confidence {row.confidence:.3f}; {row.clusters} clusters of faces"
    )


def _comparison_line(row: Comparison) -> str:
    return (
        f"{row.a} against {row.b}, {row.measure}: difference {row.difference:+.4f}, p = {row.p:.3g}"
        f" (all comparisons: {row.p_holm:.3g}; the least possible: {row.p_least:.2g})"
    )


def write_page(
    out: Path,
    pieces: PagePieces,
    record: Evidence,
    monsters: Mapping[str, MonsterSummary],
    times: TimesRow,
) -> WalkSummary:
    """Tables and figures of all networks, index.html and evidence.json in `out`."""
    exhibits, outcomes, seed = Exhibits(out), pieces.outcomes, pieces.plan.seed
    comparisons = compare(outcomes, seed)
    if len(outcomes) > 1:
        exhibits.table("comparison", comparisons)
    context = {
        "title": f"Walk study of {', '.join(outcomes)}",
        "headline": _headline(pieces.networks),
        "study": pieces.plan,
        "pack": pieces.pack,
        "histograms": figures.histograms(exhibits, "confidence", outcomes),
        "yields": figures.yields(exhibits, "yields", outcomes, seed),
        "along": figures.along_walks(exhibits, "along", outcomes),
        "comparisons": comparisons,
        "several": len(outcomes) > 1,
        "networks": pieces.networks,
        "monster_studies": [
            {"label": label, "section": section} for label, section in pieces.monsters.items()
        ],
        "evidence": record.lines(),
    }
    page = out / "index.html"
    write_text(page, render("study_walk.html", context))
    record.write(out)
    rows = [section.summary for section in pieces.networks]
    return WalkSummary(str(out), str(page), rows, comparisons, dict(monsters), times)


def _headline(networks: Sequence[NetworkSection]) -> str:
    """The result in one sentence a network: yield, and whether the person stays the same."""
    sentences = []
    for network in networks:
        row = network.summary
        likeness = (
            ""
            if row.last_cosine is None
            else f"; at the end a face is like the first by {row.last_cosine:.2f}"
        )
        interval = f"[{100 * row.yield_low:.1f}, {100 * row.yield_high:.1f}]"
        sentences.append(
            f"{row.network}: {percent(row.face_yield)} {interval} of {row.images} images hold a face{likeness}."
        )
    return " ".join(sentences)
