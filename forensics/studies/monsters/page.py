"""A monster study as tables, figures, galleries and a page, and as a section for another page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from forensics.core.evidence import Evidence
from forensics.core.files import write_json, write_text
from forensics.core.untrusted import read_json
from forensics.images import decode
from forensics.report.exhibits import Exhibits
from forensics.report.images import jpeg_uri, thumbnail
from forensics.report.page import data_uri, render
from forensics.report.rows import Row, row_from_json
from forensics.studies.monsters.facts import Findings, MonsterFacts
from forensics.studies.monsters.figures.drawing import draw
from forensics.studies.monsters.gallery import Galleries
from forensics.studies.monsters.rows import MonsterTables, part_scores

_CONTENT = "monsters.json"
_SIDE_PX, _QUALITY = 128, 90


@dataclass(frozen=True)
class PageContent(Row):
    """What the page is made of: facts, names of the figures, and galleries."""

    facts: MonsterFacts
    figures: list[str]
    galleries: Galleries


@dataclass(frozen=True)
class MonsterSection:
    """What `monsters_section.html` shows, as its variable `monsters`: `figures` by name and `pictures` by file as data:
    URIs."""

    facts: MonsterFacts
    figures: Mapping[str, str]
    galleries: Galleries
    pictures: Mapping[str, str]


def write_page(
    out: Path, tables: MonsterTables, results: Findings, galleries: Galleries, record: Evidence
) -> Path:
    """Tables, figures, monsters.html and evidence.json in `out`; gives the page's path."""
    exhibits = Exhibits(out)
    _write_tables(exhibits, tables, results)
    content = PageContent(results.facts, draw(exhibits, tables, results), galleries)
    write_json(out / _CONTENT, content.to_json())
    context = {
        "title": f"Monsters of {results.facts.network}",
        "monsters": section(out),
        "evidence": record.lines(),
    }
    write_text(out / "monsters.html", render("monsters.html", context))
    record.write(out)
    return out / "monsters.html"


def section(out: Path) -> MonsterSection:
    """The finished study in `out` for a page that includes `monsters_section.html` with it as `monsters`."""
    content = row_from_json(PageContent, read_json(out / _CONTENT))
    figures = {
        name: data_uri((out / f"{name}.svg").read_bytes(), "image/svg+xml") for name in content.figures
    }
    pictures = {picture.file: _picture(out / picture.file) for picture in content.galleries.pictures()}
    return MonsterSection(content.facts, figures, content.galleries, pictures)


def _picture(path: Path) -> str:
    return jpeg_uri(thumbnail(decode(path).pixels, _SIDE_PX), _QUALITY)


def _write_tables(exhibits: Exhibits, tables: MonsterTables, results: Findings) -> None:
    first = ("family", "index", "sign", "layer", "radius")
    exhibits.table("directions", tables.directions, (*first, "kept_at"))
    exhibits.table("scan", tables.scan, (*first, "score"))
    if parts := part_scores(tables.scan):
        exhibits.table("scan-parts", parts)
    exhibits.table("map", tables.map)
    exhibits.table("walks", tables.walks, ("step", "walk", "position", "radius"))
    for name, rows in results.tables.items():
        exhibits.table(name, rows)
