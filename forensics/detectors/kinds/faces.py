"""What InsightFace finds in a face, as evidence: detection score, symmetry, eye positions, density of the embedding.

Generators draw from a narrower population than cameras: detection scores are higher, the eyes stand closer to one place
in the frame (Yang et al. 2019, arXiv 1904.00167), embeddings have a smaller norm and lie closer together. Positions and
embeddings are described by a Gaussian for authentic and one for synthetic images (Ledoit & Wolf 2004); no single
person's embedding is kept. A logistic regression weighs the signs.

This numbers at who is shown and how, not at pixels: it hardly minds compression. But its densities are those of the
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
from forensics.detectors.features.face_signs import (
    FOLDS,
    SIGNS,
    FaceNumbers,
    Gaussians,
    best_face_numbers,
    densities_of,
    signs_left_out,
    signs_of,
)
from forensics.detectors.training_views.augmentation import Augmentation, degraded
from forensics.detectors.training_views.views import with_equal_history
from forensics.images.views import Pixels

if TYPE_CHECKING:
    from forensics.faces.analyser import FaceAnalyser

_DRAWS: Final = 2  # views of each training image: as it is, and degraded
_RIDGE: Final = 0.02
_CLIP: Final = 6.0  # standard deviations
_LARGEST_EMBEDDING: Final = 4096


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
        numbers: list[FaceNumbers] = []
        group: list[int] = []
        for i, (image, sha256) in enumerate(zip(pool.images, pool.sha256, strict=True)):
            for draw in range(draws):
                face = best_face_numbers(analyser, degraded(image, sha256, draw, seed, augmentation))
                if face is not None:
                    numbers.append(face)
                    group.append(i)
        of = np.array(group, np.int64)
        labels = pool.labels[of] if group else np.zeros(0, np.int64)
        if min((labels == label).sum() for label in (0, 1)) < 2 * FOLDS:
            raise DetectorError(
                f"too few images with a face: {len(set(group))} of {len(pool)}; give more, or another --pack"
            )
        table = signs_left_out(numbers, labels, of)
        mean, scale = table.mean(0), table.std(0) + 1e-6
        standard = np.clip((table - mean) / scale, -_CLIP, _CLIP)
        weights, offset = fit_logistic(standard, labels, pool.weights()[of], _RIDGE)
        eyes, embedding = densities_of(numbers, labels)
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
        numbers = [best_face_numbers(self.analyser, image) for image in images] if self.analyser else []
        faces = [one for one in numbers if one is not None]
        scores = np.full(len(images), self._neutral())
        if faces:
            mean, scale, weights = self.linear
            standard = np.clip((signs_of(faces, self.eyes, self.embedding) - mean) / scale, -_CLIP, _CLIP)
            scores[[one is not None for one in numbers]] = standard @ weights + self.offset
        return scores

    def _neutral(self) -> float:
        line = self.calibration
        return -line.offset / line.slope if line is not None and line.slope > 0 else 0.0

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, all finite: the Gaussians float32 [2, d] and [2, d, d], the linear map float64 [3, 9]
        and its offset float64 [1].
        """
        arrays: dict[str, NDArray[Any]] = {"linear": self.linear, "offset": np.array([self.offset])}
        for name, one in (("eyes", self.eyes), ("embedding", self.embedding)):
            arrays[f"{name}_means"] = one.means.astype(np.float32)
            arrays[f"{name}_precisions"] = one.precisions.astype(np.float32)
        return arrays

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
