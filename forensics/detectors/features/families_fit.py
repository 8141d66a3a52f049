"""Family heads fitted to a table of numbers, and crossed over sources: no score comes from a head that saw its source.

Images of one source share more than what was done to them: a camera, a website's JPEG, a style of portrait. Where a
class has enough sources, whole ones are left out; else images are, by the folds of the views, and its head is known to
rest on few (`n_sources`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import DetectorError
from forensics.corpus.families import AUTHENTIC_FAMILY
from forensics.detectors.calibration import Calibration, Floats, fit_calibration, fix_thresholds
from forensics.detectors.features.families import FamilyHead, Table, together
from forensics.detectors.training_views.folds import FOLDS
from forensics.detectors.training_views.views import Views
from forensics.metrics.detection import cllr

TARGETS: Final = (0.03, 0.12)  # rates at which a verdict may be wrong: on authentic images, on a family's
# In mean variances of a number. With whole sources left out, 1 and 3 do equally well; 3 is the stronger of them.
_RIDGE: Final = 3.0
_LEAST_IMAGES: Final = 8  # of a family, for it to have a head
_LEAST_SOURCES: Final = 3  # of a class, for whole ones to be left out


@dataclass(frozen=True)
class FittedHeads:
    """The heads, and the common score float64 [n] of every view by heads that were fitted without its fold."""

    heads: tuple[FamilyHead, ...]
    crossed: Floats


def fit_heads(table: Table, views: Views, families: NDArray[np.str_]) -> FittedHeads:
    """Heads of all families with enough images; `table` float32 [n, d] is standardised, `families` [n].

    DetectorError where there is no such family.
    """
    heads, crossed = [], []
    for family in sorted(set(families.tolist()) - {AUTHENTIC_FAMILY}):
        rows = (families == family) | (views.labels == 0)
        if len(np.unique(views.group[families == family])) >= _LEAST_IMAGES:
            head, scores = _fit_head(family, table, views, rows)
            heads.append(head)
            crossed.append(scores)
    if not heads:
        raise DetectorError(f"no family has the {_LEAST_IMAGES} images that a clip detector needs; give more")
    return FittedHeads(tuple(heads), together(np.stack(crossed)))


def source_folds(views: Views, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
    """A fold [n] for each of the `rows`: that of its source, where its class has sources enough; else of its image.

    The sources of a class are dealt by size, so that no fold holds most of it.
    """
    fold = views.fold.copy()
    for label in (0, 1):
        of_class = rows & (views.labels == label)
        names, counts = np.unique(views.sources[of_class], return_counts=True)
        if len(names) < _LEAST_SOURCES:
            continue
        for number, name in enumerate(names[np.lexsort((names, -counts))]):
            fold[of_class & (views.sources == name)] = number % FOLDS
    return fold


def _fit_head(family: str, table: Table, views: Views, rows: NDArray[np.bool_]) -> tuple[FamilyHead, Floats]:
    """The head of a family, fitted to the `rows` that are of it or authentic, and its crossed log10 LRs of all."""
    fold, raw = source_folds(views, rows), np.zeros(len(table))
    learned = rows & (views.training > 0)
    for number in np.unique(fold):
        weights, offset = ridge(table, views, learned & (fold != number))
        raw[fold == number] = table[fold == number] @ weights + offset
    weights, offset = ridge(table, views, learned)
    paired = rows & views.paired
    calibration = _calibration(raw, views, paired)
    crossed = _crossed_calibration(raw, views, paired, fold)
    thresholds = fix_thresholds(
        crossed[rows], views.labels[rows], TARGETS, views.counts[rows], views.draws, views.sources[rows]
    )
    n_sources = len(np.unique(views.sources[rows & (views.labels == 1)]))
    cost = cllr(np.clip(crossed[paired], calibration.lowest, calibration.highest), views.labels[paired])
    head = FamilyHead(family, weights, offset, calibration, thresholds, cost, n_sources)
    return head, calibration.uncapped(raw)


def _crossed_calibration(
    raw: Floats, views: Views, paired: NDArray[np.bool_], fold: NDArray[np.int64]
) -> Floats:
    """log10 LR [n] by calibrations that were fitted without the fold of each."""
    scores = np.zeros(len(raw))
    for number in np.unique(fold):
        own = fold == number
        scores[own] = _calibration(raw, views, paired & ~own).uncapped(raw[own])
    return scores


def _calibration(raw: Floats, views: Views, rows: NDArray[np.bool_]) -> Calibration:
    return fit_calibration(raw[rows], views.labels[rows], views.counts[rows], views.draws)


def ridge(table: Table, views: Views, rows: NDArray[np.bool_]) -> tuple[Table, float]:
    """Weights float32 [d] and offset of a ridge regression of −1 (authentic) and 1 on some rows of a table [n, d].

    Each class counts half, its sources by the square root of their size.
    """
    from scipy.linalg import solve

    share = _balanced(views, rows)[rows]
    targets = 2.0 * views.labels[rows] - 1
    centre, level = share @ table[rows], float(share @ targets)
    x = ((table[rows] - centre) * np.sqrt(share)[:, None]).astype(np.float32)
    gram = (x.T @ x).astype(np.float64)
    gram[np.diag_indices(len(gram))] += _RIDGE * float(np.trace(gram)) / len(gram)
    weights = solve(gram, x.T @ (np.sqrt(share) * (targets - level)), assume_a="pos", overwrite_a=True)
    return weights.astype(np.float32), level - float(centre @ weights)


def _balanced(views: Views, rows: NDArray[np.bool_]) -> Floats:
    """float64 [n] weights of sum 1 on the rows, each class half, sources by the square root of their images."""
    weights = np.zeros(len(views.labels))
    for label in (0, 1):
        own = rows & (views.labels == label)
        for source in np.unique(views.sources[own]):
            mine = own & (views.sources == source)
            n_images = len(np.unique(views.group[mine]))
            weights[mine] = views.training[mine] * views.share[mine] * n_images**0.5 / mine.sum()
        weights[own] *= 0.5 / weights[own].sum()
    return weights
