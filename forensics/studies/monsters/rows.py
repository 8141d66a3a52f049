"""The rows of a monster study."""

from __future__ import annotations

from dataclasses import dataclass, field

from forensics.report.rows import IF_MEASURED, OFF_TABLE, Row


@dataclass(frozen=True, kw_only=True)
class PointRow(Row):
    """What is said of one image: its face `score` (0: none), `similarity` (cosine to the face at w_avg) and `likeness`
    (largest cosine to an ordinary face), None without a face; the detector's `log10_lr` (higher = more likely
    synthetic), and by id those of its parts."""

    score: float
    similarity: float | None
    likeness: float | None
    log10_lr: float | None = field(default=None, metadata=IF_MEASURED)
    part_log10_lr: dict[str, float] | None = field(default=None, metadata=OFF_TABLE)


@dataclass(frozen=True, kw_only=True)
class OnDirection(Row):
    """Which direction a row is of; see `Direction`."""

    family: str
    index: int
    sign: int
    space: str
    layer: str


@dataclass(frozen=True, kw_only=True)
class ScanRow(PointRow, OnDirection):
    """One image of the scan along a direction."""

    radius: float


@dataclass(frozen=True, kw_only=True)
class DirectionRow(OnDirection):
    """Where the first monster along a direction is: under the threshold, and (`none_`) with no face at all; see `Loss`.
    `deviation`: standard deviation of the latents along it, in radii; `up_to`: the last radius looked at."""

    deviation: float
    up_to: float
    radius: float | None
    kept_at: float
    score: float | None
    back_at: float | None
    none_radius: float | None
    none_kept_at: float
    none_score: float | None
    none_back_at: float | None


@dataclass(frozen=True)
class FamilyRow(Row):
    """Some directions of a family: a row each, and a row for each radius of each."""

    directions: list[DirectionRow]
    scan: list[ScanRow]


@dataclass(frozen=True, kw_only=True)
class MapRow(PointRow):
    """One image of the map: `angle` in degrees from the first principal component to the second."""

    angle: float
    radius: float


@dataclass(frozen=True, kw_only=True)
class WalkStep(PointRow):
    """One image of a walk."""

    step: float
    walk: int
    position: int
    radius: float


@dataclass(frozen=True, kw_only=True)
class StartRow(Row):
    """What w_avg itself and the ordinary faces of the bank look like; `bank_likeness`: of each ordinary face the
    largest cosine to another; `deviations` along the principal components, in radii."""

    centre: PointRow
    ordinary: list[PointRow]
    bank_likeness: list[float]
    mean_distance: float
    variance_shares: list[float]
    deviations: list[float]


@dataclass(frozen=True)
class PartScore(Row):
    """The score that one part of the detector gives an image of the scan."""

    family: str
    index: int
    sign: int
    layer: str
    radius: float
    detector: str
    log10_lr: float


def part_scores(scan: list[ScanRow]) -> list[PartScore]:
    """A row for each part of the detector and each image of the scan."""
    return [
        PartScore(row.family, row.index, row.sign, row.layer, row.radius, part, value)
        for row in scan
        for part, value in (row.part_log10_lr or {}).items()
    ]


@dataclass(frozen=True)
class MonsterTables(Row):
    """The rows of a finished study."""

    start: StartRow
    directions: list[DirectionRow]
    scan: list[ScanRow]
    map: list[MapRow]
    walks: list[WalkStep]
