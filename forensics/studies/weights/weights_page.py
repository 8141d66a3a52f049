"""Weight statistics of a file's generator and discriminator: tables, figures and one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from forensics.core.evidence import evidence, recorded
from forensics.core.files import write_text
from forensics.generators.pruning.weights import WeightStatistics, weight_statistics
from forensics.report.exhibits import Exhibits
from forensics.report.page import render
from forensics.studies.subject import Subject, load_subject
from forensics.studies.weights import weight_figures


@recorded
def write_weight_statistics(name: str, out: Path) -> dict[str, Any]:
    """Write the tables, figures, page and evidence of the weights file `name` below `out`; returns a summary.

    Raises `CheckpointError` for a file without a generator this toolkit knows.
    """
    subject = load_subject(name, "cpu")
    networks = weight_sections(subject, Exhibits(out))
    record = evidence({"weights": subject.sha256})
    context = {"title": f"Weights of {subject.file}", "networks": networks}
    page = render("weights.html", context | {"evidence": record.lines()})
    write_text(out / "weights.html", page)
    record.write(out)
    totals = {section["name"]: section["totals"] for section in networks}
    return {"out": str(out), "weights_sha256": subject.sha256, "networks": totals}


def weight_sections(subject: Subject, exhibits: Exhibits) -> list[dict[str, Any]]:
    """What the page shows of each network; tables and figures are written on the way."""
    networks = [(subject.network, "Generator", subject.generator)]
    sections = [_section(name, kind, weight_statistics(net), exhibits) for name, kind, net in networks]
    if subject.discriminator is not None:
        found = weight_statistics(subject.discriminator)
        sections.append(_section("D", "Discriminator", found, exhibits))
    return sections


def _section(name: str, kind: str, found: WeightStatistics, exhibits: Exhibits) -> dict[str, Any]:
    exhibits.table(f"weights-{name}", found.rows)
    exhibits.table(f"atlas-{name}", found.histogram_rows())
    last = [row for row in found.histogram_rows() if row["layer"] in found.shown]
    exhibits.table(f"last-block-{name}", last)
    return {
        "name": name,
        "title": f"{kind} {name}",
        "rows": found.rows,
        "totals": found.totals,
        "median_mean": _median(found, "stored_mean"),
        "median_std": _median(found, "stored_std"),
        "median_used_std": _median(found, "used_std"),
        "last_block": weight_figures.last_block(exhibits, f"last-block-{name}", found),
        "atlas": weight_figures.atlas(exhibits, f"atlas-{name}", found),
    }


def _median(found: WeightStatistics, column: str) -> float:
    return float(np.median([row[column] for row in found.rows]))
