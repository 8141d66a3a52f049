"""A face as numbers: detection score, symmetry, eye positions, and how far both lie from those of training faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import DetectorError
from forensics.detectors.calibration import Floats
from forensics.images.views import Pixels, working_view

if TYPE_CHECKING:
    from forensics.faces.analyser import Face, FaceAnalyser

FOLDS: Final = 5  # in which a training face is compared with the rest

SIGNS: Final = (
    "detection score, log odds",
    "norm of the embedding, logarithm",
    "nose off the line between the eyes' middle and its normal, in eye distances",
    "mouth off it",
    "mouth not parallel to the eyes",
    "eye positions, distance from authentic ones",
    "eye positions, distance from synthetic ones",
    "embedding, distance from authentic ones",
    "embedding, distance from synthetic ones",
)


@dataclass(frozen=True)
class FaceNumbers:
    """One face as numbers: `plain` float64 [5], the first signs; `eyes` float64 [4], x and y of the left and the right
    eye over the image's longer side; `embedding` float64 [d] of norm 1."""

    plain: Floats
    eyes: Floats
    embedding: Floats


@dataclass(frozen=True)
class Gaussians:
    """Means [2, d] and precisions [2, d, d], of authentic and of synthetic images."""

    means: Floats
    precisions: Floats

    def distances(self, rows: Floats) -> Floats:
        """float64 [n, 2], finite: mean squared Mahalanobis distance a dimension, of rows [n, d]."""
        away = rows[:, None, :] - self.means[None]
        squared: Floats = np.einsum("nci,cij,ncj->nc", away, self.precisions, away) / rows.shape[1]
        return squared

    @classmethod
    def fit(cls, rows: Floats, labels: NDArray[np.int64]) -> Gaussians:
        """Of rows float64 [n, d] of any value with labels [n], 0 or 1; with shrunken covariances."""
        from sklearn.covariance import LedoitWolf

        fits = [LedoitWolf().fit(rows[labels == label]) for label in (0, 1)]
        means, precisions = np.stack([f.location_ for f in fits]), np.stack([f.precision_ for f in fits])
        return cls(
            means.astype(np.float32).astype(np.float64), precisions.astype(np.float32).astype(np.float64)
        )


def best_face_numbers(analyser: FaceAnalyser, image: Pixels) -> FaceNumbers | None:
    """The best face of the working view of an image uint8 [H, W, 3] in [0, 255], as numbers; None where there is
    none.
    """
    view = working_view(image)
    face = analyser.best(view)
    if face is None or not face.landmarks.any():
        return None
    if not len(face.embedding):
        raise DetectorError(
            f"{analyser.folder}: this InsightFace pack has no recognition model; choose another --pack"
        )
    return measured(face, max(view.shape[:2]))


def measured(face: Face, side_px: int) -> FaceNumbers:
    """A face as numbers, in an image whose longer side is `side_px`."""
    left, right, nose, mouth_left, mouth_right = face.landmarks.astype(np.float64) / side_px
    across = right - left
    distance = float(np.linalg.norm(across)) + 1e-9
    frame = np.stack([across, [-across[1], across[0]]]) / distance  # along the eyes, and down the face
    nose, mouth_left, mouth_right = (
        frame @ (p - (left + right) / 2) / distance for p in (nose, mouth_left, mouth_right)
    )
    norm = float(np.linalg.norm(face.embedding))
    score = min(max(face.score, 1e-3), 1 - 1e-3)
    plain = [
        np.log(score / (1 - score)),
        np.log(max(norm, 1e-6)),
        abs(nose[0]),
        abs(mouth_left[0] + mouth_right[0]) / 2,
        abs(mouth_right[1] - mouth_left[1]),
    ]
    embedding = face.embedding.astype(np.float64) / max(norm, 1e-6)
    return FaceNumbers(np.array(plain), np.concatenate([left, right]), embedding)


def signs_of(faces: Sequence[FaceNumbers], eyes: Gaussians, embedding: Gaussians) -> Floats:
    """float64 [n, 9], finite, in the order of `SIGNS`."""
    plain, at, who = (
        np.stack(rows)
        for rows in ([f.plain for f in faces], [f.eyes for f in faces], [f.embedding for f in faces])
    )
    if who.shape[1] != embedding.means.shape[1]:
        raise DetectorError(
            f"the pack's embeddings have {who.shape[1]} numbers, the detector's {embedding.means.shape[1]}"
        )
    return np.concatenate([plain, eyes.distances(at), embedding.distances(who)], axis=1)


def densities_of(faces: Sequence[FaceNumbers], labels: NDArray[np.int64]) -> tuple[Gaussians, Gaussians]:
    """Of eye positions and of embeddings, with labels int64 [n], 0 or 1."""
    eyes, embeddings = np.stack([f.eyes for f in faces]), np.stack([f.embedding for f in faces])
    return Gaussians.fit(eyes, labels), Gaussians.fit(embeddings, labels)


def signs_left_out(
    faces: Sequence[FaceNumbers], labels: NDArray[np.int64], group: NDArray[np.int64]
) -> Floats:
    """float64 [n, 9], finite: the signs of each face by densities fitted without its image (`group` int64 [n]).

    An image lies close to its own mean.
    """
    table = np.zeros((len(faces), len(SIGNS)))
    fold = np.zeros(len(faces), np.int64)
    for label in (0, 1):
        rows = labels == label
        fold[rows] = np.unique(group[rows], return_inverse=True)[1] % FOLDS
    for number in range(FOLDS):
        rest = np.flatnonzero(fold != number).tolist()
        densities = densities_of([faces[i] for i in rest], labels[rest])
        out = np.flatnonzero(fold == number).tolist()
        table[out] = signs_of([faces[i] for i in out], *densities)
    return table
