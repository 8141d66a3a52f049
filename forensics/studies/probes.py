"""The one place where studies ask a face finder and a detector about images: `Probe`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from forensics.corpus.likeness import cosine
from forensics.report.rows import IF_MEASURED, Row

if TYPE_CHECKING:
    from forensics.detectors.contract import Detector
    from forensics.faces.analyser import Face, FaceAnalyser

_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class ProbeRow(Row):
    """What face finder and detector say of images, means over them; None: not asked.

    `face_yield`: share of images with a face; `face_score`: 0 where none; `face_similarity`: cosine to the unchanged
    face, where both images have one (NaN where none has); `log10_lr`: higher = more likely synthetic;
    `log10_lr_change`: mean absolute change to that of the unchanged image.
    """

    face_yield: float | None = field(default=None, metadata=IF_MEASURED)
    face_score: float | None = field(default=None, metadata=IF_MEASURED)
    face_similarity: float | None = field(default=None, metadata=IF_MEASURED)
    log10_lr: float | None = field(default=None, metadata=IF_MEASURED)
    log10_lr_change: float | None = field(default=None, metadata=IF_MEASURED)


@dataclass(frozen=True)
class Probe:
    """A face finder and a detector of synthetic images; either may be None."""

    faces: FaceAnalyser | None = None
    detector: Detector | None = None

    def faces_in(self, image: np.ndarray) -> list[Face]:
        """The faces of uint8 [h, w, 3], best first."""
        assert self.faces is not None
        return self.faces.analyse(image)

    def best_face(self, image: np.ndarray) -> Face | None:
        """The best face of uint8 [h, w, 3], or None where there is none."""
        assert self.faces is not None
        return self.faces.best(image)

    def log10_lr(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """The detector's score of each uint8 [h, w, 3]: float64 [n], higher = more likely synthetic."""
        assert self.detector is not None
        return self.detector.score(list(images))

    def part_log10_lr(self, images: Sequence[np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The detector's scores of uint8 [h, w, 3] images, float64 [n], and by id those of its parts."""
        from forensics.detectors.finding import scores_of

        assert self.detector is not None
        groups = [scores_of(self.detector, images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
        columns = [np.concatenate([each.log10_lrs for each in one]) for one in zip(*groups, strict=True)]
        names = [scores.id for scores in groups[0][1:]]
        return columns[0], dict(zip(names, columns[1:], strict=True))

    def weights_sha256(self) -> dict[str, str]:
        """Name to sha256 of the weights asked, for the evidence."""
        inputs: dict[str, str] = {}
        if self.faces is not None:
            inputs |= {f"face pack {name}": sha256 for name, sha256 in self.faces.weights_sha256().items()}
        if self.detector is not None:
            inputs["detector"] = self.detector.weights_sha256
        return inputs


@dataclass(frozen=True)
class ProbePlan:
    """A face pack by name or folder and a detector by name or folder; None: not asked."""

    face_pack: str | None = None
    detector: str | None = None

    def load(self) -> Probe:
        """The probe. Raises `FacePackError` and `DetectorError` for what is not there."""
        from forensics.detectors.loading import load_detector
        from forensics.faces.analyser import load_faces

        faces = None if self.face_pack is None else load_faces(self.face_pack)
        return Probe(faces, None if self.detector is None else load_detector(self.detector))


class ReferenceProbe:
    """Asks `probe` about changed images, against the unchanged ones: `reference`, uint8 [n, h, w, c]."""

    def __init__(self, probe: Probe, reference: np.ndarray) -> None:
        self.probe = probe
        self._embeddings = [self._embedded(image)[1] for image in reference] if probe.faces else []
        self._log10_lr = probe.log10_lr(list(reference)) if probe.detector else np.zeros(0)

    def measure(self, images: np.ndarray) -> ProbeRow:
        """What there is to say of `images`, uint8 [n, h, w, c], in the order of the reference."""
        measured: dict[str, float] = {}
        if self.probe.faces is not None:
            measured |= self._of_faces(images)
        if self.probe.detector is not None:
            scores = self.probe.log10_lr(list(images))
            measured["log10_lr"] = float(scores.mean())
            measured["log10_lr_change"] = float(np.abs(scores - self._log10_lr).mean())
        return ProbeRow(**measured)

    def _of_faces(self, images: np.ndarray) -> dict[str, float]:
        embedded = [self._embedded(image) for image in images]
        scores = np.array([score for score, _ in embedded])
        pairs = zip((embedding for _, embedding in embedded), self._embeddings, strict=True)
        cosines = [cosine(a, b) for a, b in pairs if len(a) and len(b)]
        return {
            "face_yield": float((scores > 0).mean()),
            "face_score": float(scores.mean()),
            "face_similarity": float(np.mean(cosines)) if cosines else float("nan"),
        }

    def faces_left(self, images: np.ndarray) -> float:
        """Share of uint8 [n, h, w, c] that hold a face; NaN without a face pack."""
        if self.probe.faces is None:
            return float("nan")
        return float(np.mean([self._embedded(image)[0] > 0 for image in images]))

    def _embedded(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        """Score and embedding of the best face; 0 and an empty one where there is none."""
        face = self.probe.best_face(image)
        return (face.score, face.embedding) if face else (0.0, np.zeros(0, np.float32))


def too_small_for(probe: Probe, side_px: int) -> int | None:
    """The smallest side in px that the probe's detector was validated on, where `side_px` is under it; else None."""
    if probe.detector is None:
        return None
    smallest = probe.detector.domain.min_side_px
    return smallest if side_px < smallest else None
