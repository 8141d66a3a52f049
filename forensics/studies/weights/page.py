"""Weight statistics of a file's generator and discriminator: tables, figures and one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forensics.core.evidence import evidence, recorded
from forensics.core.files import write_text
from forensics.generators.pruning.weights import (
    WeightRow,
    WeightStatistics,
    WeightTotals,
    weight_statistics,
)
from forensics.report.exhibits import Exhibits
from forensics.report.page import render
from forensics.report.rows import Row
from forensics.studies.subject import Subject, load_subject
from forensics.studies.weights import figures


@dataclass(frozen=True)
class NetworkTotals(Row):
    """Where the page is, of which weights, and the totals of each network by name."""

    out: str
    weights_sha256: str
    networks: dict[str, WeightTotals]


@dataclass(frozen=True, kw_only=True)
class WeightSection:
    """What a page shows of one network's weights."""

    name: str
    title: str
    rows: Sequence[WeightRow]
    totals: WeightTotals
    median_mean: float
    median_std: float
    median_used_std: float
    last_block: str
    atlas: str


@recorded
def write_weight_statistics(weights: str, out: Path) -> NetworkTotals:
    """Write the tables, figures, page and evidence of the weights file `weights` below `out`.

    Raises `CheckpointError` for a file without a generator this toolkit knows.
    """
    subject = load_subject(weights, "cpu")
    networks = weight_sections(subject, Exhibits(out))
    record = evidence({"weights": subject.sha256})
    context = {"title": f"Weights of {subject.file}", "networks": networks, "headline": headline(networks)}
    write_text(out / "weights.html", render("weights.html", context | {"evidence": record.lines()}))
    record.write(out)
    totals = {section.name: section.totals for section in networks}
    return NetworkTotals(str(out), subject.sha256, totals)


def headline(networks: Sequence[WeightSection]) -> str:
    """The result in one sentence: how many weights, and how they are spread."""
    count = f"{networks[0].totals.count:,}".replace(",", " ")
    return (
        f"The generator has {count} weights in {networks[0].totals.layers} layers; the median layer stores them with "
        f"standard deviation {networks[0].median_std:.3f} and uses them with {networks[0].median_used_std:.4f}."
    )


def weight_sections(subject: Subject, exhibits: Exhibits) -> list[WeightSection]:
    """What the page shows of each network; tables and figures are written on the way."""
    sections = [_section(subject.network, "Generator", weight_statistics(subject.generator), exhibits)]
    if subject.discriminator is not None:
        sections.append(_section("D", "Discriminator", weight_statistics(subject.discriminator), exhibits))
    return sections


def _section(name: str, kind: str, statistics: WeightStatistics, exhibits: Exhibits) -> WeightSection:
    bins = statistics.histogram_rows()
    exhibits.table(f"weights-{name}", statistics.rows)
    exhibits.table(f"atlas-{name}", bins)
    exhibits.table(f"last-block-{name}", [row for row in bins if row.layer in statistics.last_block])
    return WeightSection(
        name=name,
        title=f"{kind} {name}",
        rows=statistics.rows,
        totals=statistics.totals,
        median_mean=float(np.median([row.stored.mean for row in statistics.rows])),
        median_std=float(np.median([row.stored.std for row in statistics.rows])),
        median_used_std=float(np.median([row.used.std for row in statistics.rows])),
        last_block=figures.last_block(exhibits, f"last-block-{name}", statistics),
        atlas=figures.atlas(exhibits, f"atlas-{name}", statistics),
    )
