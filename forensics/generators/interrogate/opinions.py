"""What face analysis and a detector say of changed images: slower than pixels, so asked at fewer points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from forensics.detectors.base import Detector
    from forensics.detectors.faces import FaceAnalyser


class Opinions:
    """Asks `faces` and `detector` (either may be None) about images, against the unchanged `reference` (uint8 [n, h,
    w, c])."""

    def __init__(
        self, reference: np.ndarray, faces: FaceAnalyser | None = None, detector: Detector | None = None
    ) -> None:
        self.faces, self.detector = faces, detector
        self.reference = [self._face(image)[1] for image in reference] if faces else []

    def measure(self, images: np.ndarray) -> dict[str, float]:
        """`face_yield` (share of images with a face), `face_score` (mean, 0 where none), `face_similarity` (mean cosine
        to the unchanged face, where both have one; NaN where none) and `log10_lr` (mean; higher = more likely
        synthetic); only those that can be asked."""
        row: dict[str, float] = {}
        if self.faces is not None:
            found = [self._face(image) for image in images]
            scores = np.array([score for score, _ in found])
            cosines = [
                _cosine(a, b) for (_, a), b in zip(found, self.reference, strict=True) if len(a) and len(b)
            ]
            row["face_yield"] = float((scores > 0).mean())
            row["face_score"] = float(scores.mean())
            row["face_similarity"] = float(np.mean(cosines)) if cosines else float("nan")
        if self.detector is not None:
            row["log10_lr"] = float(self.detector.score(list(images)).mean())
        return row

    def _face(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        """Score and embedding of the best face; 0 and an empty one where there is none."""
        assert self.faces is not None
        found = self.faces.analyse(image)
        return (found[0].score, found[0].embedding) if found else (0.0, np.zeros(0, np.float32))


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
