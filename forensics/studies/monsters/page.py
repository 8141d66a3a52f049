"""A monster study as tables, figures, galleries and a page, and as a section for another page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.core.evidence import Evidence, evidence, recorded
from forensics.core.files import write_json, write_text
from forensics.generators.base import Generator
from forensics.images import decode
from forensics.report.exhibits import Exhibits
from forensics.report.images import jpeg_uri, thumbnail
from forensics.report.page import data_uri, render
from forensics.studies.monsters import figures
from forensics.studies.monsters.detection import verdict
from forensics.studies.monsters.directions import FAMILIES, Latents
from forensics.studies.monsters.gallery import galleries
from forensics.studies.monsters.hunt import MonsterResult, monsters
from forensics.studies.monsters.options import MonsterOptions
from forensics.studies.monsters.tables import Findings, findings
from forensics.studies.resumable import one_thread

if TYPE_CHECKING:
    from forensics.detectors.contract import Detector
    from forensics.faces.analyser import FaceAnalyser

__all__ = ["MonsterOptions", "MonsterSection", "section", "study_monsters", "summary_lines"]

_CONTENT = "monsters.json"
_SIDE_PX, _QUALITY = 128, 90


@dataclass(frozen=True)
class MonsterSection:
    """What `monsters_section.html` shows, as its variable `monsters`: `facts` (numbers and words of the study),
    `figures` (name to data: URI) and `galleries` (name to entries whose images are data: URIs)."""

    facts: dict[str, Any]
    figures: dict[str, str]
    galleries: dict[str, Any]


@recorded
def study_monsters(
    generator: Generator,
    faces: FaceAnalyser,
    detector: Detector | None,
    out: Path,
    options: MonsterOptions | None = None,
) -> dict[str, Any]:
    """Do (or finish) the study in `out`: CSVs, figures, galleries, monsters.html, evidence.json; returns a summary.

    Raises ForensicsError where `out` holds a study of another network or with other options.
    """
    options = options or MonsterOptions()
    result = monsters(generator, faces, detector, out, options)
    found = findings(result, options, detector, generator)
    exhibits = Exhibits(out)
    _write_tables(exhibits, result, found)
    names = _draw(exhibits, result, found, options)
    with one_thread():
        shown = galleries(out, Latents(generator, options), faces, result, options)
    write_json(out / _CONTENT, {"facts": found.facts, "figures": names, "galleries": shown})
    record = _record(generator, faces, detector, options)
    context = {
        "title": f"Monsters of {found.facts['network']}",
        "monsters": section(out),
        "evidence": record.lines(),
    }
    write_text(out / "monsters.html", render("monsters.html", context))
    record.write(out)
    return {"out": str(out), "report": str(out / "monsters.html"), **found.summary}


def section(out: Path) -> MonsterSection:
    """The finished study in `out` for a page that includes `monsters_section.html` with it as `monsters`."""
    content = json.loads((out / _CONTENT).read_text(encoding="utf-8"))
    drawn = {
        name: data_uri((out / f"{name}.svg").read_bytes(), "image/svg+xml") for name in content["figures"]
    }
    return MonsterSection(content["facts"], drawn, _with_images(content["galleries"], out))


def _with_images(value: Any, out: Path) -> Any:
    """`value` with a `uri` beside each `file`."""
    if isinstance(value, list):
        return [_with_images(item, out) for item in value]
    if not isinstance(value, dict):
        return value
    filled = {key: _with_images(item, out) for key, item in value.items()}
    if "file" in filled:
        filled["uri"] = jpeg_uri(thumbnail(decode(out / filled["file"]).pixels, _SIDE_PX), _QUALITY)
    return filled


def _write_tables(exhibits: Exhibits, result: MonsterResult, found: Findings) -> None:
    exhibits.table("directions", result.directions, ("family", "index", "sign", "layer", "radius", "kept_at"))
    exhibits.table("scan", result.scan, ("family", "index", "sign", "layer", "radius", "score"))
    exhibits.table("map", result.map)
    exhibits.table("walks", result.walks, ("step", "walk", "position", "radius"))
    for name, rows in found.tables.items():
        exhibits.table(name, rows)


def _draw(exhibits: Exhibits, result: MonsterResult, found: Findings, options: MonsterOptions) -> list[str]:
    """Draw every figure there are numbers for; returns their names."""
    figures.survival_curves(exhibits, "survival", found.survivals)
    figures.spread(exhibits, "spread", result.directions)
    figures.by_place(exhibits, "by-place", result.directions)
    figures.yields(exhibits, "yield", found.tables["yield"])
    figures.plane(exhibits, "map", result.map, options, found.facts["plane_deviations"])
    names = ["survival", "spread", "by-place", "yield", "map"]
    if result.walks:
        figures.walks(exhibits, "walk-yield", found.tables["walk-yield"], result.walks, options.threshold)
        names.append("walk-yield")
    if found.facts["detector"] is not None:
        figures.detection(exhibits, "detection", found.tables["detection"], found.facts["detector"])
        names.append("detection")
    return names


def _record(
    generator: Generator, faces: FaceAnalyser, detector: Detector | None, options: MonsterOptions
) -> Evidence:
    inputs = {"weights": generator.weights_sha256} if generator.weights_sha256 else {}
    inputs |= {f"face pack {name}": sha256 for name, sha256 in faces.weights_sha256().items()}
    if detector is not None:
        inputs["detector"] = detector.weights_sha256
    chosen = {name: value for name, value in options.how().items() if name != "seed"}
    return evidence(inputs, {"directions": options.seed}, chosen)


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """A summary of `study_monsters` as lines for a terminal."""
    lines = []
    for family, row in summary["families"].items():
        middle = "not reached" if row["median"] is None else f"{row['median']:.2f}"
        lines.append(
            f"{FAMILIES[family]:<28}face lost in {row['lost']} of {row['n']}, median radius {middle} "
            f"({_bound(row['median_low'])} to {_bound(row['median_high'])})"
        )
    for row in summary["detector"] or []:
        names = ("log10_lr", "log10_lr_low", "log10_lr_high")
        value, low, high = ("none" if row[name] is None else f"{row[name]:+.2f}" for name in names)
        lines.append(
            f"detector in {row['space'].upper()}: log10 LR of monsters {value} ({low} to {high}) against faces at the "
            f"same radius; {row['called_synthetic_images']} of {row['monsters']} + {row['faces']} called synthetic"
        )
    if summary["detector"]:
        lines.append(f"monsters to catch: {'; '.join(verdict(row) for row in summary['detector'])}")
    return [*lines, f"report: {summary['report']}"]


def _bound(value: float | None) -> str:
    return "no bound" if value is None else f"{value:.2f}"
