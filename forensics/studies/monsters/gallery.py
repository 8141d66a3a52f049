"""The pictures of a monster study: how the nearest monsters come about, the strangest images still accepted as faces,
and the plane of the first two principal components."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from forensics.core.files import write_bytes
from forensics.images import encode_png
from forensics.report.rows import Row
from forensics.studies.monsters.directions import FAMILIES, Direction, Latents, Point
from forensics.studies.monsters.plan import MonsterPlan
from forensics.studies.monsters.rows import DirectionRow, MonsterTables, OnDirection, ScanRow
from forensics.studies.probes import Probe

NEAREST_A_FAMILY, STRANGEST = 4, 12
_BEYOND = (1.5, 3.0)  # how far past its border a monster is shown too, in radii of the border
_MAP_COLUMNS, _MAP_ROWS = 12, 6


@dataclass(frozen=True, kw_only=True)
class Picture(Row):
    """One image: its file below the study's folder, its radius, and its face score."""

    file: str
    radius: float
    score: float


@dataclass(frozen=True, kw_only=True)
class Accepted(Picture):
    """A picture that still counts as a face: its direction, and how like known faces it is."""

    label: str
    similarity: float | None
    likeness: float | None


@dataclass(frozen=True)
class Strip(Row):
    """The way to a monster: half way there, the last face, the first monster, and farther out."""

    label: str
    family: str
    radius: float
    steps: list[Picture]


@dataclass(frozen=True)
class Ring(Row):
    """The pictures of the map at one radius."""

    radius: float
    pictures: list[Picture]


@dataclass(frozen=True)
class PlanePictures(Row):
    """Pictures of the map: `angles` in degrees, a ring a radius."""

    angles: list[float]
    rings: list[Ring]


@dataclass(frozen=True)
class Galleries(Row):
    """Every gallery of the study."""

    nearest: list[Strip]
    farthest: list[Accepted]
    least_like: list[Accepted]
    plane: PlanePictures

    def pictures(self) -> Iterator[Picture]:
        """All of them."""
        for strip in self.nearest:
            yield from strip.steps
        yield from self.farthest
        yield from self.least_like
        for ring in self.plane.rings:
            yield from ring.pictures


class Gallery:
    """Writes images of points below `out`/gallery, and says what the face finder gives each."""

    def __init__(self, out: Path, latents: Latents, probe: Probe) -> None:
        self.out, self.latents, self.probe = out, latents, probe

    def pictures(self, name: str, points: Sequence[Point]) -> list[Picture]:
        """A picture of each point; files are `name`-000.png, ..."""
        pictures: list[Picture] = []
        size = self.latents.batch
        for start in range(0, len(points), size):
            batch = points[start : start + size]
            for image, (_, radius) in zip(self.latents.images(batch), batch, strict=True):
                file = f"gallery/{name}-{len(pictures):03d}.png"
                write_bytes(self.out / file, encode_png(image))
                face = self.probe.best_face(image)
                score = round(float(face.score), 6) if face else 0.0
                pictures.append(Picture(file=file, radius=radius, score=score))
        return pictures


def galleries(gallery: Gallery, tables: MonsterTables, plan: MonsterPlan) -> Galleries:
    """Every gallery of the study, images as files."""
    accepted = [row for row in tables.scan if row.score >= plan.threshold]
    return Galleries(
        nearest(gallery, tables.directions),
        farthest(gallery, accepted),
        least_like(gallery, accepted),
        plane(gallery, plan),
    )


def direction_of(row: OnDirection) -> Direction:
    """The direction that a row is of."""
    return Direction(row.family, row.index, row.sign, row.space, row.layer)


def nearest(gallery: Gallery, directions: Sequence[DirectionRow]) -> list[Strip]:
    """A strip for each of the nearest monsters of each family."""
    strips: list[Strip] = []
    for family in FAMILIES:
        lost = [(row.radius, row) for row in directions if row.family == family and row.radius is not None]
        for radius, row in sorted(lost, key=lambda pair: pair[0])[:NEAREST_A_FAMILY]:
            direction = direction_of(row)
            radii = [radius / 2, row.kept_at, radius, *(radius * beyond for beyond in _BEYOND)]
            steps = gallery.pictures(f"nearest-{len(strips):02d}", [(direction, r) for r in radii])
            strips.append(Strip(direction.label, FAMILIES[family], radius, steps))
    return strips


def farthest(gallery: Gallery, accepted: Sequence[ScanRow]) -> list[Accepted]:
    """The accepted images with the largest radius, one a direction: in W, then in S."""
    chosen = []
    for space in ("w", "s"):
        rows = sorted((row for row in accepted if row.space == space), key=lambda row: -row.radius)
        chosen += _one_a_direction(rows)[: STRANGEST // 2]
    return _accepted(gallery, "farthest", chosen)


def least_like(gallery: Gallery, accepted: Sequence[ScanRow]) -> list[Accepted]:
    """The accepted images whose face is least like any ordinary face of the generator, one a direction."""
    known = [(row.likeness, row) for row in accepted if row.likeness is not None]
    rows = [row for _, row in sorted(known, key=lambda pair: pair[0])]
    return _accepted(gallery, "least-like", _one_a_direction(rows)[:STRANGEST])


def _one_a_direction(rows: Sequence[ScanRow]) -> list[ScanRow]:
    """The first row of each direction, in order."""
    first: dict[Direction, ScanRow] = {}
    for row in rows:
        first.setdefault(direction_of(row), row)
    return list(first.values())


def _accepted(gallery: Gallery, name: str, rows: Sequence[ScanRow]) -> list[Accepted]:
    pictures = gallery.pictures(name, [(direction_of(row), row.radius) for row in rows])
    return [
        Accepted(
            **vars(picture),
            label=direction_of(row).label,
            similarity=row.similarity,
            likeness=row.likeness,
        )
        for row, picture in zip(rows, pictures, strict=True)
    ]


def plane(gallery: Gallery, plan: MonsterPlan) -> PlanePictures:
    """Images of the map at some of its angles and radii."""
    every = max(1, plan.map_angles // _MAP_COLUMNS)
    angles = [360.0 * i / plan.map_angles for i in range(0, plan.map_angles, every)]
    step = max(1, plan.map_rings // _MAP_ROWS)
    radii = plan.rings[step - 1 :: step]
    points = [
        (Direction("plane", i, angle=angle), radius) for radius in radii for i, angle in enumerate(angles)
    ]
    pictures, n = gallery.pictures("plane", points), len(angles)
    rings = [Ring(radius, pictures[k * n : (k + 1) * n]) for k, radius in enumerate(radii)]
    return PlanePictures(angles, rings)
