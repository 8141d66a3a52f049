"""What the page of a walk study shows of one network: its walks, its faces as a tree, and pictures of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forensics.images import contact_sheet
from forensics.recipes.walked import Walk
from forensics.report.exhibits import Exhibits
from forensics.report.images import jpeg_uri
from forensics.report.rows import Row
from forensics.studies.walks import figures
from forensics.studies.walks.drift import drift, same_person_until
from forensics.studies.walks.percent_yield import Interval, Outcome, network_interval, walk_interval
from forensics.studies.walks.pictures import Pictures
from forensics.studies.walks.rows import Place, WalkFace, place_of
from forensics.studies.walks.tree_section import TreeSection, tree_section

_STRIP, _STRIP_ROWS, _LOST = 11, 12, 12


@dataclass(frozen=True, kw_only=True)
class NetworkRow(Row):
    """One network in short: shares with bootstrap 95 % intervals; likeness and radius at the end of the walks."""

    network: str
    images: int
    walks: int
    face_yield: float
    yield_low: float
    yield_high: float
    confidence: float
    confidence_low: float
    confidence_high: float
    clusters: int
    last_radius: float
    last_cosine: float | None


@dataclass(frozen=True)
class WalkRow(Row):
    """One walk: yield and confidence with intervals, radius and likeness at the end, the position at which the person
    changes (None: never) and the first without a face."""

    walk: int
    images: int
    face_yield: Interval
    confidence: Interval
    last_radius: float
    last_cosine: float | None
    same_person_until: int | None
    first_without_face: int | None

    def cells(self) -> dict[str, object]:
        """The intervals in columns of their own."""
        cells = super().cells()
        for name in ("face_yield", "confidence"):
            interval = cells.pop(name)
            cells |= {f"{name}_{key}": value for key, value in vars(interval).items()}
        return cells


@dataclass(frozen=True)
class WalkStrip:
    """The first walks as a sheet, a data: URI, a line each, at `positions`."""

    uri: str
    positions: Sequence[int]
    walks: int


@dataclass(frozen=True)
class LostPicture:
    """An image without a face as a data: URI."""

    uri: str
    walk: int
    position: int
    radius: float


@dataclass(frozen=True, kw_only=True)
class NetworkSection:
    """The section of one network."""

    label: str
    resolution: int
    sha256: str
    folder: str
    face_yield: Interval
    confidence: Interval
    walks: Sequence[WalkRow]
    strip: WalkStrip
    drift: str
    tree: TreeSection | None
    lost: Sequence[LostPicture]
    n_lost: int
    last_radius: float
    last_cosine: float | None
    summary: NetworkRow


def network_section(
    label: str, walk: Walk, rows: Sequence[WalkFace], outcome: Outcome, folder: Path
) -> NetworkSection:
    """The section of one network; its tables, figures and sheets are written to `folder` on the way."""
    exhibits, pictures, generator = Exhibits(folder), Pictures(folder / "corpus"), walk.generator
    cosines = drift(outcome)
    walks = _walk_rows(outcome, cosines, walk.seed)
    exhibits.table("walks", walks)
    tree = tree_section(exhibits, pictures, outcome, rows)
    summary = _summary(label, outcome, cosines, tree.clusters if tree else 0, walk.seed)
    return NetworkSection(
        label=label,
        resolution=generator.img_resolution,
        sha256=generator.weights_sha256,
        folder=folder.name,
        face_yield=network_interval(outcome.has_face, walk.seed),
        confidence=network_interval(outcome.scores, walk.seed),
        walks=walks,
        strip=_strip(exhibits, pictures, outcome, rows),
        drift=figures.drifts(exhibits, "drift", cosines, outcome.radius, label),
        tree=tree,
        lost=_lost(exhibits, pictures, outcome, rows),
        n_lost=int((outcome.scores == 0).sum()),
        last_radius=summary.last_radius,
        last_cosine=summary.last_cosine,
        summary=summary,
    )


def _summary(label: str, outcome: Outcome, cosines: np.ndarray, clusters: int, seed: int) -> NetworkRow:
    share, confidence = network_interval(outcome.has_face, seed), network_interval(outcome.scores, seed)
    last = cosines[:, -1][~np.isnan(cosines[:, -1])]
    return NetworkRow(
        network=label,
        images=int(outcome.scores.size),
        walks=len(outcome.scores),
        face_yield=share.value,
        yield_low=share.low,
        yield_high=share.high,
        confidence=confidence.value,
        confidence_low=confidence.low,
        confidence_high=confidence.high,
        clusters=clusters,
        last_radius=float(outcome.radius[:, -1].mean()),
        last_cosine=float(last.mean()) if len(last) else None,
    )


def _walk_rows(outcome: Outcome, cosines: np.ndarray, seed: int) -> list[WalkRow]:
    until = same_person_until(cosines)
    rows = []
    for k, (has_face, scores) in enumerate(zip(outcome.has_face, outcome.scores, strict=True)):
        lost = np.flatnonzero(has_face == 0)
        row = WalkRow(
            walk=k,
            images=len(has_face),
            face_yield=walk_interval(has_face, seed),
            confidence=walk_interval(scores, seed),
            last_radius=float(outcome.radius[k, -1]),
            last_cosine=None if np.isnan(cosines[k, -1]) else float(cosines[k, -1]),
            same_person_until=until[k],
            first_without_face=int(lost[0]) if len(lost) else None,
        )
        rows.append(row)
    return rows


def _strip(exhibits: Exhibits, pictures: Pictures, outcome: Outcome, rows: Sequence[WalkFace]) -> WalkStrip:
    """The first walks, a line each, at positions evenly from start to end."""
    positions = np.unique(np.linspace(0, outcome.length - 1, _STRIP).round().astype(int))
    walks = min(len(outcome.scores), _STRIP_ROWS)
    indices = [k * outcome.length + int(p) for k in range(walks) for p in positions]
    exhibits.table("strip", [place_of(rows[i]) for i in indices])
    sheet = contact_sheet(pictures.of(indices), len(positions))
    return WalkStrip(exhibits.sheet("strip", sheet), positions.tolist(), walks)


def _lost(
    exhibits: Exhibits, pictures: Pictures, outcome: Outcome, rows: Sequence[WalkFace]
) -> list[LostPicture]:
    """The images without a face that are nearest to the centre."""
    indices = np.flatnonzero(outcome.scores.ravel() == 0)
    order = np.argsort(outcome.radius.ravel()[indices], kind="stable")[:_LOST]
    chosen = [int(i) for i in indices[order]]
    if not chosen:
        return []
    places: list[Place] = [place_of(rows[i]) for i in chosen]
    exhibits.table("without-face", places)
    images = pictures.of(chosen)
    exhibits.sheet("without-face", contact_sheet(images, 6))
    pairs = zip(places, images, strict=True)
    return [LostPicture(jpeg_uri(image, 90), at.walk, at.position, at.radius) for at, image in pairs]
