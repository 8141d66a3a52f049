"""What face analysis and a detector say of changed images: slower than pixels, so asked at fewer points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from forensics.corpus.likeness import cosine

if TYPE_CHECKING:
    from forensics.detectors.contract import Detector
    from forensics.faces.analyser import FaceAnalyser


class Opinions:
    """Asks `faces` and `detector` (either may be None) about images, against the unchanged `reference` (uint8 [n, h,
    w, c])."""

    def __init__(
        self, reference: np.ndarray, faces: FaceAnalyser | None = None, detector: Detector | None = None
    ) -> None:
        self.faces, self.detector = faces, detector
        self.reference = [self._face(image)[1] for image in reference] if faces else []
        self.reference_log10_lr = detector.score(list(reference)) if detector else np.zeros(0)

    def measure(self, images: np.ndarray) -> dict[str, float]:
        """`face_yield` (share of images with a face), `face_score` (mean, 0 where none), `face_similarity` (mean cosine
        to the unchanged face, where both have one; NaN where none), `log10_lr` (mean; higher = more likely synthetic)
        and `log10_lr_change` (mean absolute change to that of the unchanged image); only those that can be asked."""
        row: dict[str, float] = {}
        if self.faces is not None:
            found = [self._face(image) for image in images]
            scores = np.array([score for score, _ in found])
            cosines = [
                cosine(a, b) for (_, a), b in zip(found, self.reference, strict=True) if len(a) and len(b)
            ]
            row["face_yield"] = float((scores > 0).mean())
            row["face_score"] = float(scores.mean())
            row["face_similarity"] = float(np.mean(cosines)) if cosines else float("nan")
        if self.detector is not None:
            scores = self.detector.score(list(images))
            row["log10_lr"] = float(scores.mean())
            row["log10_lr_change"] = float(np.abs(scores - self.reference_log10_lr).mean())
        return row

    def faces_left(self, images: np.ndarray) -> float:
        """Share of the images that hold a face; NaN without a face pack."""
        if self.faces is None:
            return float("nan")
        return float(np.mean([self._face(image)[0] > 0 for image in images]))

    def _face(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        """Score and embedding of the best face; 0 and an empty one where there is none."""
        assert self.faces is not None
        face = self.faces.best(image)
        return (0.0, np.zeros(0, np.float32)) if face is None else (face.score, face.embedding)


def ask(reference: np.ndarray, face_pack: str | None, detector: str | None) -> Opinions:
    """Opinions of the face pack and the detector of these names (either may be None), against `reference`.

    Raises `FacePackError` and `DetectorError` for one that is not there.
    """
    faces = critic = None
    if face_pack is not None:
        from forensics.faces.analyser import load_faces

        faces = load_faces(face_pack)
    if detector is not None:
        from forensics.detectors.loading import load_detector

        critic = load_detector(detector)
    return Opinions(reference, faces, critic)


def weights_asked(face_pack: str | None, detector: str | None) -> dict[str, str]:
    """Name to sha256 of the weights that `ask` would load, for the evidence; the same errors."""
    inputs: dict[str, str] = {}
    if face_pack is not None:
        from forensics.faces.analyser import load_faces

        inputs |= {f"face pack {k}": v for k, v in load_faces(face_pack).weights_sha256().items()}
    if detector is not None:
        from forensics.detectors.loading import load_detector

        inputs["detector"] = load_detector(detector).weights_sha256
    return inputs


def too_small_for(detector: str | None, side_px: int) -> int | None:
    """The smallest side in px that the detector of that name was validated on, where `side_px` is under it; else None
    (and without a detector)."""
    if detector is None:
        return None
    from forensics.detectors.loading import load_detector

    smallest = load_detector(detector).domain.min_side_px
    return smallest if side_px < smallest else None
