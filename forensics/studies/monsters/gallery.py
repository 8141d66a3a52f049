"""The pictures of a monster study: how the nearest monsters come about, the strangest images still accepted as faces,
and the plane of the first two principal components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.core.files import write_bytes
from forensics.images import encode_png
from forensics.studies.monsters.directions import FAMILIES, Direction, Latents
from forensics.studies.monsters.hunt import MonsterResult
from forensics.studies.monsters.options import MonsterOptions

if TYPE_CHECKING:
    from forensics.faces.analyser import FaceAnalyser

NEAREST_A_FAMILY, STRANGEST = 4, 12
_BEYOND = (1.5, 3.0)  # how far past its border a monster is shown too, in radii of the border
_MAP_COLUMNS, _MAP_ROWS = 12, 6
Row = Mapping[str, Any]


class Gallery:
    """Writes images of points below `out`/gallery, and says what the face analyser gives each."""

    def __init__(self, out: Path, latents: Latents, faces: FaceAnalyser) -> None:
        self.out, self.latents, self.faces = out, latents, faces

    def entries(self, name: str, points: Sequence[tuple[Direction, float]]) -> list[dict[str, Any]]:
        """`file`, `radius` and face `score` of each point; files are `name`-000.png, ..."""
        if not points:
            return []
        found = []
        size = self.latents.batch
        for start in range(0, len(points), size):
            own = points[start : start + size]
            for k, (image, (_, radius)) in enumerate(zip(self.latents.images(own), own, strict=True), start):
                file = f"gallery/{name}-{k:03d}.png"
                write_bytes(self.out / file, encode_png(image))
                face = self.faces.best(image)
                score = 0.0 if face is None else round(face.score, 6)
                found.append({"file": file, "radius": radius, "score": score})
        return found


def galleries(
    out: Path, latents: Latents, faces: FaceAnalyser, result: MonsterResult, options: MonsterOptions
) -> dict[str, Any]:
    """Every gallery of the study, images as files below `out`."""
    gallery = Gallery(out, latents, faces)
    accepted = [row for row in result.scan if row["score"] >= options.threshold]
    return {
        "nearest": nearest(gallery, result.directions),
        "farthest": farthest(gallery, accepted),
        "least_like": least_like(gallery, accepted),
        "plane": plane(gallery, options),
    }


def direction_of(row: Row) -> Direction:
    """The direction of a row of `directions` or `scan`."""
    return Direction(row["family"], row["index"], row["sign"], row["space"], row["layer"])


def nearest(gallery: Gallery, directions: Sequence[Row]) -> list[dict[str, Any]]:
    """For the nearest monsters of each family a strip of `steps`: half way there, the last face, the first monster, and
    farther out in the same direction."""
    strips: list[dict[str, Any]] = []
    for family in FAMILIES:
        lost = [row for row in directions if row["family"] == family and row["radius"] is not None]
        for row in sorted(lost, key=lambda r: r["radius"])[:NEAREST_A_FAMILY]:
            radius, direction = row["radius"], direction_of(row)
            radii = [radius / 2, row["kept_at"], radius, *(radius * beyond for beyond in _BEYOND)]
            points = [(direction, r) for r in radii]
            steps = gallery.entries(f"nearest-{len(strips):02d}", points)
            strips.append(
                {"label": direction.label, "family": FAMILIES[family], "radius": radius, "steps": steps}
            )
    return strips


def farthest(gallery: Gallery, accepted: Sequence[Row]) -> list[dict[str, Any]]:
    """The accepted images with the largest radius, one a direction: in W, then in S."""
    shown = []
    for space in ("w", "s"):
        own = [row for row in accepted if row["space"] == space]
        shown += _one_a_direction(sorted(own, key=lambda r: -r["radius"]))[: STRANGEST // 2]
    return _accepted(gallery, "farthest", shown)


def least_like(gallery: Gallery, accepted: Sequence[Row]) -> list[dict[str, Any]]:
    """The accepted images whose face is least like any ordinary face of the generator, one a direction."""
    own = [row for row in accepted if row["likeness"] is not None]
    shown = _one_a_direction(sorted(own, key=lambda r: r["likeness"]))[:STRANGEST]
    return _accepted(gallery, "least-like", shown)


def _one_a_direction(rows: Sequence[Row]) -> list[Row]:
    """The first row of each direction, in order."""
    found: dict[Direction, Row] = {}
    for row in rows:
        found.setdefault(direction_of(row), row)
    return list(found.values())


def _accepted(gallery: Gallery, name: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    entries = gallery.entries(name, [(direction_of(row), row["radius"]) for row in rows])
    return [
        {
            **entry,
            "label": direction_of(row).label,
            "similarity": row["similarity"],
            "likeness": row["likeness"],
        }
        for row, entry in zip(rows, entries, strict=True)
    ]


def plane(gallery: Gallery, options: MonsterOptions) -> dict[str, Any]:
    """Images of the map: `angles` in degrees, and `rows` of a radius and its `cells`."""
    every = max(1, options.map_angles // _MAP_COLUMNS)
    angles = [360.0 * i / options.map_angles for i in range(0, options.map_angles, every)]
    step = max(1, options.map_rings // _MAP_ROWS)
    radii = options.rings[step - 1 :: step]
    points = [
        (Direction("plane", i, angle=angle), radius) for radius in radii for i, angle in enumerate(angles)
    ]
    entries = gallery.entries("plane", points)
    n = len(angles)
    rows = [{"radius": radius, "cells": entries[k * n : (k + 1) * n]} for k, radius in enumerate(radii)]
    return {"angles": angles, "rows": rows}
