"""Identity along a walk: how like the first face the later ones are."""

from __future__ import annotations

import numpy as np

from forensics.studies.walks.percent_yield import Outcome

SAME_PERSON = 0.6  # cosine above which this project takes two embeddings for one identity


def drift(outcome: Outcome) -> np.ndarray:
    """Cosine of each image's embedding to that of the first face of its walk, float64 [walks, length]; NaN where there
    is no face."""
    walks, length = outcome.scores.shape
    cosines = np.full((walks, length), np.nan)
    for walk in range(walks):
        own = np.flatnonzero(outcome.faces // length == walk)
        if len(own):
            places = outcome.faces[own] % length
            cosines[walk, places] = outcome.embeddings[own] @ outcome.embeddings[own[0]]
    return cosines


def kept_until(cosines: np.ndarray) -> list[int | None]:
    """For each walk of `cosines` [walks, length] the first position at which the face is no longer the same person's
    (under `SAME_PERSON`); None: it stays so to the end."""
    first: list[int | None] = []
    for line in cosines:
        lost = np.flatnonzero(line < SAME_PERSON)  # NaN compares as false: no face is no other person
        first.append(int(lost[0]) if len(lost) else None)
    return first
