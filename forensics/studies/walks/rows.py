"""The rows of a walk study."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from forensics.report.rows import IF_MEASURED, Row

if TYPE_CHECKING:
    from forensics.corpus import Row as CorpusRow


@dataclass(frozen=True, kw_only=True)
class WalkImage(Row):
    """One image of a walk: its file and hash, its walk, its position in it, its radius."""

    file: str
    sha256: str
    walk: int
    position: int
    radius: float

    @classmethod
    def of(cls, row: CorpusRow) -> WalkImage:
        """What the manifest says of it."""
        params = row.params
        return cls(
            file=row.file,
            sha256=row.sha256,
            walk=int(params["walk"]),
            position=int(params["position"]),
            radius=float(f"{params['radius']:.9g}"),
        )


@dataclass(frozen=True, kw_only=True)
class WalkFace(WalkImage):
    """The image with its best face: number of faces, score (0: none), box, landmarks and embedding (empty: none), the
    pack, and the detector's log10 LR."""

    faces: int
    score: float
    box: tuple[float, ...]
    landmarks: tuple[float, ...]
    embedding: tuple[float, ...]
    pack: str
    log10_lr: float | None = field(default=None, metadata=IF_MEASURED)

    def cells(self) -> dict[str, object]:
        """Columns named as in the table of `forensics faces`."""
        from forensics.faces.table import COLUMNS

        names = COLUMNS[COLUMNS.index("x0") : COLUMNS.index("embedding")]
        places = [f"{value:.2f}" for value in (*self.box, *self.landmarks)] or [""] * len(names)
        cells = {
            name: getattr(self, name) for name in ("file", "sha256", "walk", "position", "radius", "faces")
        }
        cells |= {
            "score": f"{self.score:.4f}" if self.faces else "0.00",
            **dict(zip(names, places, strict=True)),
        }
        cells |= {"embedding": " ".join(f"{value:.6g}" for value in self.embedding), "pack": self.pack}
        return cells | {"log10_lr": None if self.log10_lr is None else f"{self.log10_lr:.6f}"}

    @property
    def image(self) -> WalkImage:
        """The image without its face."""
        return WalkImage(**{name: getattr(self, name) for name in WalkImage.__dataclass_fields__})


@dataclass(frozen=True, kw_only=True)
class Place(Row):
    """Where an image is, and its face score."""

    file: str
    walk: int
    position: int
    radius: float
    score: float


def place_of(row: WalkFace) -> Place:
    """The place of an image."""
    return Place(**{name: getattr(row, name) for name in Place.__dataclass_fields__})
