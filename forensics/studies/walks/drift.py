"""Identity along a walk: how like the first face the later ones are."""

from __future__ import annotations

import numpy as np

from forensics.corpus.likeness import same_person
from forensics.studies.walks.percent_yield import Outcome


def drift(outcome: Outcome) -> np.ndarray:
    """Cosine of each image's embedding to that of the first face of its walk, float64 [walks, length]; NaN where there
    is no face."""
    walks, length = outcome.scores.shape
    cosines = np.full((walks, length), np.nan)
    for walk in range(walks):
        faces = np.flatnonzero(outcome.faces // length == walk)
        if len(faces):
            places = outcome.faces[faces] % length
            cosines[walk, places] = outcome.embeddings[faces] @ outcome.embeddings[faces[0]]
    return cosines


def same_person_until(cosines: np.ndarray) -> list[int | None]:
    """For each walk of `cosines` [walks, length] the first position at which the face is no longer the same person's
    (`same_person`); None: it stays so to the end."""
    first: list[int | None] = []
    for line in cosines:
        lost = np.flatnonzero(~same_person(line) & ~np.isnan(line))  # no face is no other person
        first.append(int(lost[0]) if len(lost) else None)
    return first
