"""`forensics.find_faces`: the faces of photographs, as a function."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from forensics.core.terminal import printable
from forensics.detectors.finding import FoundFace, located
from forensics.examiner.cells import boxes, picture_uri, table
from forensics.examiner.photographs import Photograph, decoded


@dataclass(frozen=True)
class FacesOfPhotograph:
    """The faces of one photograph, best score first. `width`, `height`: px, upright; `face_finder`: what looked."""

    path: str
    sha256: str
    width: int
    height: int
    faces: tuple[FoundFace, ...]
    face_finder: str
    picture: str = field(default="", repr=False, compare=False)  # a small data: URI, for notebooks

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON, without the picture."""
        plain: dict[str, Any] = asdict(self)
        del plain["picture"]
        return plain

    def _repr_html_(self) -> str:
        return table(_HEADS, [_row(self)])


class FacesOfPhotographs(list[FacesOfPhotograph]):
    """The faces of several photographs, in the order of what was given: a list that a notebook shows as a table."""

    def _repr_html_(self) -> str:
        return table(_HEADS, [_row(one) for one in self])


_HEADS = ("photograph", "file", "faces", "score and longer side")


def _row(one: FacesOfPhotograph) -> list[str]:
    sizes = "<br>".join(
        f"{k}: {face.score:.2f}, {face.longer_side_px:.0f} px" for k, face in enumerate(one.faces, 1)
    )
    shown = boxes(one.width, one.height, one.faces, one.picture)
    return [shown, escape(printable(one.path)), str(len(one.faces)), sizes or "–"]


def find_faces(
    *photographs: Photograph | Iterable[Photograph],
    pack: str | None = None,
    pack_root: str | Path | None = None,
) -> FacesOfPhotographs:
    """The faces of each photograph: score, box and five landmarks in px, best first; none where there is none.

    Photographs are given as to `forensics.detect`. `pack`: an InsightFace pack; without it, the usual one where it
    is installed, else the finder that ships. Raises ForensicsError, which names the file, where one cannot be read.
    """
    from forensics.faces.analyser import load_faces, pack_if_any
    from forensics.faces.finder import load_face_finder

    absent = pack_if_any(pack, pack_root) is None
    finder = load_face_finder() if absent else load_faces(pack, pack_root)
    return FacesOfPhotographs(
        FacesOfPhotograph(
            image.path, image.sha256, image.width, image.height, located(finder, image.pixels), finder.name,
            picture_uri(image),
        )
        for image in decoded(photographs)
    )  # fmt: skip
