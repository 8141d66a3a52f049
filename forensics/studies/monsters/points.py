"""What the probe says of single images, and how like known faces theirs are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forensics.studies.monsters.rows import PointRow
from forensics.studies.probes import Probe

_DIGITS = 6


@dataclass(frozen=True)
class KnownFaces:
    """Embeddings of length 1 to compare with: `start` [d] of the face at w_avg, `bank` [n, d] of ordinary faces of the
    same generator; both may be empty."""

    start: np.ndarray
    bank: np.ndarray

    @classmethod
    def of(cls, probe: Probe, centre: np.ndarray, ordinary: np.ndarray) -> KnownFaces:
        """Those of the image `centre`, uint8 [h, w, 3], and of `ordinary`, uint8 [n, h, w, 3]."""
        start = embedded(probe, centre)[1]
        bank = [embedding for image in ordinary if len(embedding := embedded(probe, image)[1])]
        return cls(start, np.stack(bank) if bank else np.zeros((0, 0)))

    def bank_likeness(self) -> np.ndarray:
        """Largest cosine of each ordinary face to another one, [n]: what `likeness` usually is."""
        if len(self.bank) < 2:
            return np.zeros(0)
        cosines = self.bank @ self.bank.T
        np.fill_diagonal(cosines, -1)
        nearest: np.ndarray = cosines.max(axis=1)
        return nearest


def embedded(probe: Probe, image: np.ndarray) -> tuple[float, np.ndarray]:
    """Score of the best face of uint8 [h, w, 3] (0.00: none) and its embedding at length 1 (empty: none)."""
    face = probe.best_face(image)
    if face is None:
        return 0.0, np.zeros(0)
    embedding = face.embedding.astype(np.float64)
    return float(face.score), embedding / max(float(np.linalg.norm(embedding)), 1e-12)


def point_rows(
    probe: Probe, known: KnownFaces, images: np.ndarray, *, with_detector: bool = False
) -> list[PointRow]:
    """A row for each of uint8 [n, h, w, 3]; with `with_detector` its scores too, where the probe has one."""
    rows = [_row(probe, known, image) for image in images]
    if not with_detector or probe.detector is None:
        return rows
    values, parts = probe.part_log10_lr(list(images))
    return [
        replace(
            row,
            log10_lr=round(float(values[i]), _DIGITS),
            part_log10_lr={name: round(float(column[i]), _DIGITS) for name, column in parts.items()} or None,
        )
        for i, row in enumerate(rows)
    ]


def _row(probe: Probe, known: KnownFaces, image: np.ndarray) -> PointRow:
    score, embedding = embedded(probe, image)
    similarity = likeness = None
    if len(embedding) and len(known.start):
        similarity = round(float(embedding @ known.start), _DIGITS)
    if len(embedding) and len(known.bank):
        likeness = round(float((known.bank @ embedding).max()), _DIGITS)
    return PointRow(score=round(score, _DIGITS), similarity=similarity, likeness=likeness)
