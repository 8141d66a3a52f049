"""What InsightFace finds in a face, as evidence: detection score, symmetry, eye positions, density of the embedding.

Generators draw from a narrower population than cameras: detection scores are higher, the eyes stand closer to one place
in the frame (Yang et al. 2019, arXiv 1904.00167), embeddings have a smaller norm and lie closer together. Positions and
embeddings are described by a Gaussian for authentic and one for synthetic images (Ledoit & Wolf 2004); no single
person's embedding is kept. A logistic regression weighs the signs.

This looks at who is shown and how, not at pixels: it hardly minds compression. But its densities are those of the
training images: of photographs from another population, or aligned in another way, it knows nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from forensics.core.cards import Card
from forensics.core.errors import DetectorError
from forensics.core.registry import register
from forensics.corpus.pools.pool import Pool
from forensics.detectors.calibration import Floats, fit_logistic
from forensics.detectors.checked import Json, record, text
from forensics.detectors.contract import Detector, FitOptions
from forensics.detectors.description import expect_shapes
from forensics.detectors.training_views.augmentation import Augmentation, degraded
from forensics.detectors.training_views.views import with_equal_history
from forensics.images.views import Pixels, working_view

if TYPE_CHECKING:
    from forensics.faces.analyser import Face, FaceAnalyser

_DRAWS: Final = 2  # views of each training image: as it is, and degraded
_FOLDS: Final = 5
_RIDGE: Final = 0.02
_CLIP: Final = 6.0  # standard deviations
_LARGEST_EMBEDDING: Final = 4096

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
class Look:
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

        found = [LedoitWolf().fit(rows[labels == label]) for label in (0, 1)]
        means, precisions = np.stack([f.location_ for f in found]), np.stack([f.precision_ for f in found])
        return cls(
            means.astype(np.float32).astype(np.float64), precisions.astype(np.float32).astype(np.float64)
        )


@register(
    "detector",
    "faces",
    Card(
        "Signs in the face: detection score, symmetry, where the eyes stand, how common the embedding is.",
        paper="Yang et al. 2019, arXiv 1904.00167 (landmark positions)",
        licence="Apache-2.0; the InsightFace pack has a licence of its own, packs by InsightFace are non-commercial",
        defaults={"pack": None, "pack_root": None, "draws": _DRAWS},
    ),
)
@dataclass
class FaceSignsDetector(Detector):
    """Standardised signs [9] times weights plus an offset. An image without a face scores a log10 LR of 0.

    `config`: the name of the InsightFace pack and the SHA-256 of each of its files. The pack itself is not part of the
    detector; it is looked for as `load_faces` does when the first image is scored, or given by `use`.
    """

    eyes: Gaussians = field(default_factory=lambda: Gaussians(np.zeros((2, 4)), np.zeros((2, 4, 4))))
    embedding: Gaussians = field(default_factory=lambda: Gaussians(np.zeros((2, 1)), np.zeros((2, 1, 1))))
    linear: Floats = field(default_factory=lambda: np.zeros((3, len(SIGNS))))  # mean, scale, weights
    offset: float = 0.0
    analyser: FaceAnalyser | None = None

    kind: ClassVar[str] = "faces"
    threads: ClassVar[bool] = False

    @classmethod
    def fit(cls, pool: Pool, options: FitOptions) -> Self:
        """Fit to the faces that the pack finds in a pool; images without one are left out.

        Settings: `pack` and `pack_root`, as `load_faces` takes them, and `draws`, the views of each image.
        """
        from forensics.faces.analyser import load_faces

        settings, seed = options.settings, options.seed
        draws = int(settings.get("draws", _DRAWS))
        pool = with_equal_history(pool, options.jpeg_before)
        analyser = load_faces(settings.get("pack"), settings.get("pack_root"))
        augmentation = Augmentation()
        looks: list[Look] = []
        group: list[int] = []
        for i, (image, sha256) in enumerate(zip(pool.images, pool.sha256, strict=True)):
            for draw in range(draws):
                found = look(analyser, degraded(image, sha256, draw, seed, augmentation))
                if found is not None:
                    looks.append(found)
                    group.append(i)
        of = np.array(group, np.int64)
        labels = pool.labels[of] if group else np.zeros(0, np.int64)
        if min((labels == label).sum() for label in (0, 1)) < 2 * _FOLDS:
            raise DetectorError(
                f"too few images with a face: {len(set(group))} of {len(pool)}; give more, or another --pack"
            )
        table = _left_out(looks, labels, of)
        mean, scale = table.mean(0), table.std(0) + 1e-6
        standard = np.clip((table - mean) / scale, -_CLIP, _CLIP)
        weights, offset = fit_logistic(standard, labels, pool.weights()[of], _RIDGE)
        eyes, embedding = _densities(looks, labels)
        config = {"pack": analyser.pack, "pack_sha256": analyser.weights_sha256(), "draws": draws}
        return cls(
            config,
            eyes=eyes,
            embedding=embedding,
            linear=np.stack([mean, scale, weights]),
            offset=offset,
            analyser=analyser,
        )

    def use_faces(self, analyser: FaceAnalyser) -> None:
        """Look for faces with this pack; DetectorError where it is not the one of the training."""
        expected, given = _pack_sha256(self.config), analyser.weights_sha256()
        if given != expected:
            differing = sorted(n for n in {*given, *expected} if given.get(n) != expected.get(n))
            raise DetectorError(
                f"{analyser.folder}: is not the InsightFace pack {self.config['pack']!r} that this faces detector was "
                f"trained with (differing: {', '.join(differing)}); set FORENSICS_FACE_PACK and FORENSICS_FACE_ROOT"
            )
        self.analyser = analyser

    def raw_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n] natural log odds; where there is no face, what is calibrated to a log10 LR of 0."""
        if self.analyser is None and len(images):
            self.use_faces(_named_pack(text(self.config, "pack")))
        looks = [look(self.analyser, image) for image in images] if self.analyser else []
        found = [one for one in looks if one is not None]
        scores = np.full(len(images), self._neutral())
        if found:
            mean, scale, weights = self.linear
            standard = np.clip((_signs(found, self.eyes, self.embedding) - mean) / scale, -_CLIP, _CLIP)
            scores[[one is not None for one in looks]] = standard @ weights + self.offset
        return scores

    def _neutral(self) -> float:
        line = self.calibration
        return -line.offset / line.slope if line is not None and line.slope > 0 else 0.0

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, all finite: the Gaussians float32 [2, d] and [2, d, d], the linear map float64 [3, 9]
        and its offset float64 [1].
        """
        found: dict[str, NDArray[Any]] = {"linear": self.linear, "offset": np.array([self.offset])}
        for name, one in (("eyes", self.eyes), ("embedding", self.embedding)):
            found[f"{name}_means"] = one.means.astype(np.float32)
            found[f"{name}_precisions"] = one.precisions.astype(np.float32)
        return found

    @classmethod
    def from_arrays(cls, config: Json, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """A detector with exactly these arrays, all finite: those of `arrays`, float32 [2, d] to float64 [3, 9]."""
        _pack_sha256(config)
        means = arrays.get("embedding_means", np.zeros((2, 0)))
        d = min(max(means.shape[1], 1), _LARGEST_EMBEDDING) if means.ndim == 2 else 1
        shapes = {
            "linear": (3, len(SIGNS)),
            "offset": (1,),
            "eyes_means": (2, 4),
            "eyes_precisions": (2, 4, 4),
        }
        shapes |= {"embedding_means": (2, d), "embedding_precisions": (2, d, d)}
        expect_shapes(arrays, shapes, "faces detector")
        wide = {key: np.asarray(value, np.float64) for key, value in arrays.items()}
        return cls(
            config,
            eyes=Gaussians(wide["eyes_means"], wide["eyes_precisions"]),
            embedding=Gaussians(wide["embedding_means"], wide["embedding_precisions"]),
            linear=wide["linear"],
            offset=float(wide["offset"][0]),
        )


def look(analyser: FaceAnalyser, image: Pixels) -> Look | None:
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
    return _look(face, max(view.shape[:2]))


def _look(face: Face, side_px: int) -> Look:
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
    return Look(np.array(plain), np.concatenate([left, right]), embedding)


def _signs(looks: Sequence[Look], eyes: Gaussians, embedding: Gaussians) -> Floats:
    """float64 [n, 9] in the order of `SIGNS`."""
    plain, at, who = (
        np.stack([getattr(one, name) for one in looks]) for name in ("plain", "eyes", "embedding")
    )
    if who.shape[1] != embedding.means.shape[1]:
        raise DetectorError(
            f"the pack's embeddings have {who.shape[1]} numbers, the detector's {embedding.means.shape[1]}"
        )
    return np.concatenate([plain, eyes.distances(at), embedding.distances(who)], axis=1)


def _densities(looks: Sequence[Look], labels: NDArray[np.int64]) -> tuple[Gaussians, Gaussians]:
    eyes, embedding = (np.stack([getattr(one, name) for one in looks]) for name in ("eyes", "embedding"))
    return Gaussians.fit(eyes, labels), Gaussians.fit(embedding, labels)


def _left_out(looks: Sequence[Look], labels: NDArray[np.int64], group: NDArray[np.int64]) -> Floats:
    """The signs [n, 9] of each look by densities fitted without its image: an image lies close to its own mean."""
    table = np.zeros((len(looks), len(SIGNS)))
    fold = np.zeros(len(looks), np.int64)
    for label in (0, 1):
        rows = labels == label
        fold[rows] = np.unique(group[rows], return_inverse=True)[1] % _FOLDS
    for number in range(_FOLDS):
        rest = np.flatnonzero(fold != number).tolist()
        densities = _densities([looks[i] for i in rest], labels[rest])
        out = np.flatnonzero(fold == number).tolist()
        table[out] = _signs([looks[i] for i in out], *densities)
    return table


def _pack_sha256(config: Json) -> dict[str, str]:
    """File name → SHA-256 of the pack that a configuration names."""
    try:
        hashes = record(config.get("pack_sha256"), "pack_sha256")
        if not hashes or os.sep in text(config, "pack"):
            raise ValueError("no pack")
        return {name: text(hashes, name) for name in hashes}
    except ValueError as error:
        raise DetectorError(
            f"a faces detector names its InsightFace pack and the pack's hashes ({error}); train it again"
        ) from error


def _named_pack(name: str) -> FaceAnalyser:
    """FORENSICS_FACE_PACK where it is set, else the pack of that name."""
    from forensics.faces.analyser import load_faces

    return load_faces(None if os.environ.get("FORENSICS_FACE_PACK") else name)
