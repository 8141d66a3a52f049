"""What a face analyser and a synthetic-image detector say of each image of a monster study, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from forensics.detectors.contract import Detector
    from forensics.faces.analyser import FaceAnalyser

_DIGITS = 6
PART = "log10_lr of "  # and the part's id: a column of the scan
Row = dict[str, float | None]


@dataclass
class Witness:
    """Scores images by `faces` and `detector` (None: not asked).

    `start` is the embedding of the face at w_avg, `bank` [n, d] those of ordinary faces of the same generator, all of
    length 1; both may be empty.
    """

    faces: FaceAnalyser
    detector: Detector | None
    start: np.ndarray
    bank: np.ndarray

    @classmethod
    def of(
        cls, faces: FaceAnalyser, detector: Detector | None, centre: np.ndarray, ordinary: np.ndarray
    ) -> Witness:
        """With the face of the image `centre` [h, w, 3] and those of `ordinary` [n, h, w, 3] to compare with."""
        witness = cls(faces, detector, np.zeros(0), np.zeros((0, 0)))
        start = witness.look(centre)[1]
        bank = [embedding for image in ordinary if len(embedding := witness.look(image)[1])]
        return cls(faces, detector, start, np.stack(bank) if bank else np.zeros((0, 0)))

    def look(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        """Score of the best face (0.00: none) and its embedding at length 1 (empty: none)."""
        face = self.faces.best(image)
        if face is None:
            return 0.0, np.zeros(0)
        embedding = face.embedding.astype(np.float64)
        return face.score, embedding / max(float(np.linalg.norm(embedding)), 1e-12)

    def rows(self, images: np.ndarray, *, detect: bool = False) -> list[Row]:
        """For each image its face `score`, `similarity` (cosine to the face at w_avg) and `likeness` (largest cosine to
        an ordinary face), None without a face; with `detect` also `log10_lr` (higher = more likely synthetic), and
        of an ensemble that of each part, as `log10_lr of ID`."""
        rows: list[Row] = []
        for image in images:
            score, embedding = self.look(image)
            row: Row = {"score": round(score, _DIGITS), "similarity": None, "likeness": None}
            if len(embedding) and len(self.start):
                row["similarity"] = round(float(embedding @ self.start), _DIGITS)
            if len(embedding) and len(self.bank):
                row["likeness"] = round(float((self.bank @ embedding).max()), _DIGITS)
            rows.append(row)
        if detect and self.detector is not None:
            for name, values in self.log10_lrs(list(images)).items():
                for row, value in zip(rows, values, strict=True):
                    row[name] = round(float(value), _DIGITS)
        return rows

    def log10_lrs(self, images: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """float64 [n] of the detector (`log10_lr`) and of its parts; 16 images at a time."""
        from forensics.detectors.finding import scores_of

        assert self.detector is not None
        groups = [scores_of(self.detector, images[i : i + 16]) for i in range(0, len(images), 16)]
        names = ["log10_lr", *(f"{PART}{scores.id}" for scores in groups[0][1:])]
        return {
            name: np.concatenate([group[k].log10_lrs for group in groups]) for k, name in enumerate(names)
        }

    def bank_likeness(self) -> np.ndarray:
        """Largest cosine of each ordinary face to another one, [n]: what `likeness` usually is."""
        if len(self.bank) < 2:
            return np.zeros(0)
        cosines = self.bank @ self.bank.T
        np.fill_diagonal(cosines, -1)
        nearest: np.ndarray = cosines.max(axis=1)
        return nearest
