"""What finds faces, and which of several is meant. Whether two are one person: `forensics.corpus.likeness`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray


class LocatedFace(Protocol):
    """One face. `score` in (0, 1]; `box` float32 [4] x0, y0, x1, y1 and `landmarks` float32 [5, 2] (left eye, right
    eye, nose, left and right mouth corner, as seen in the image), both in px of the image."""

    @property
    def score(self) -> float:
        """In (0, 1]."""

    @property
    def box(self) -> NDArray[np.float32]:
        """float32 [4] x0, y0, x1, y1, of any value: a face may reach over the border."""

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """float32 [5, 2] x and y, of any value, px."""


AnyFace = TypeVar("AnyFace", bound=LocatedFace)


class FindsFaces(Protocol):
    """An InsightFace pack (`faces.analyser`), or the finder that ships (`faces.finder`)."""

    name: str

    def find(self, pixels: NDArray[np.uint8]) -> Sequence[LocatedFace]:
        """Every face in uint8 [H, W, 3] RGB `pixels` in [0, 255], best score first; empty where there is none."""


def best_face(faces: Sequence[AnyFace]) -> AnyFace | None:
    """The face that is meant where one is asked for: that of the best score, the first of equals; None of none."""
    return max(faces, key=lambda face: face.score, default=None)
