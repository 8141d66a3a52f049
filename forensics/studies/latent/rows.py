"""The rows of a latent study."""

from __future__ import annotations

from dataclasses import dataclass, field

from forensics.report.rows import IF_MEASURED, OFF_TABLE, Row
from forensics.studies.effects import EffectRow, LightRow
from forensics.studies.probes import ProbeRow


@dataclass(frozen=True, kw_only=True)
class ScalingRow(ProbeRow, LightRow, EffectRow):
    """The latent of `space` times `factor`, against factor 1; `radius` is the mean over the latents."""

    space: str
    factor: float
    radius: float


@dataclass(frozen=True, kw_only=True)
class Place(Row):
    """Where in the image a change is: `map`, rows of cells (mean absolute change in grey levels), its centre `x`, `y`
    (0 left or top, 1 right or bottom), and `place`, the ninth of the image with most of it."""

    x: float
    y: float
    place: str
    map: list[list[float]] = field(metadata=OFF_TABLE)


@dataclass(frozen=True, kw_only=True)
class LossRow(Row):
    """The deltas at which the face is lost, each the first of `LADDER` in its direction at which fewer than half of the
    images hold a face (None: at none), and `lost_at`, the nearer one (plus where both are as near); all 0 where fewer
    than half of the unchanged images do."""

    lost_minus: float | None = field(default=None, metadata=IF_MEASURED)
    lost_plus: float | None = field(default=None, metadata=IF_MEASURED)
    lost_at: float | None = field(default=None, metadata=IF_MEASURED)


@dataclass(frozen=True, kw_only=True)
class DimensionRow(LossRow, Place, ProbeRow, EffectRow):
    """What ± delta in one dimension of w does, both signs together; `_minus` and `_plus` each sign by itself.
    `delta_in_sigma`: delta in standard deviations of w in this dimension."""

    dim: int
    delta_in_sigma: float
    d_minus: float
    d_plus: float
    log10_lr_minus: float | None = field(default=None, metadata=IF_MEASURED)
    log10_lr_plus: float | None = field(default=None, metadata=IF_MEASURED)


@dataclass(frozen=True, kw_only=True)
class RankedDimension(DimensionRow):
    """A dimension with its rank in each effect, 1 where it is largest; None where it has no number of it."""

    rank: int
    rank_pixel_change: int | None = field(default=None, metadata=IF_MEASURED)
    rank_identity_change: int | None = field(default=None, metadata=IF_MEASURED)
    rank_log10_lr_change: int | None = field(default=None, metadata=IF_MEASURED)


@dataclass(frozen=True, kw_only=True)
class MovedTogether(ProbeRow, EffectRow):
    """Several dimensions moved at once by `delta`, and the picture of it."""

    image: str
    dims: list[int]
    delta: float

    def cells(self) -> dict[str, object]:
        """The dimensions as one cell; without the picture's place."""
        cells = super().cells() | {"dims": " ".join(map(str, self.dims))}
        return {name: value for name, value in cells.items() if name != "image"}


@dataclass(frozen=True)
class LatentTables(Row):
    """The tables of a finished study; `dimensions` by feature distance, largest first."""

    scaling: list[ScalingRow]
    dimensions: list[DimensionRow]
