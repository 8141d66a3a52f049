"""Every figure of a monster study for which there are numbers."""

from __future__ import annotations

from typing import Any

from forensics.report.exhibits import Exhibits
from forensics.studies.monsters.facts import Findings
from forensics.studies.monsters.figures import faces
from forensics.studies.monsters.figures.detection import detection
from forensics.studies.monsters.figures.plane import plane
from forensics.studies.monsters.figures.walks import walks
from forensics.studies.monsters.rows import MonsterTables


def draw(exhibits: Exhibits, tables: MonsterTables, results: Findings) -> list[str]:
    """Draw the figures; gives their names."""
    facts = results.facts
    computed: dict[str, Any] = dict(results.tables)
    threshold = float(str(facts.plan["threshold"]))
    faces.survival_curves(exhibits, "survival", results.survivals)
    faces.spread(exhibits, "spread", tables.directions)
    faces.by_place(exhibits, "by-place", tables.directions)
    faces.yields(exhibits, "yield", computed["yield"])
    plane(exhibits, "map", tables.map, threshold, facts.plane_deviations)
    names = ["survival", "spread", "by-place", "yield", "map"]
    if tables.walks:
        walks(exhibits, "walk-yield", computed["walk-yield"], tables.walks, threshold)
        names.append("walk-yield")
    if facts.detector is not None:
        detection(exhibits, "detection", computed["detection"], facts.detector.ordinary)
        names.append("detection")
    return names
