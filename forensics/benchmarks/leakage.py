"""Can the classes be told apart without looking at the pixels? If so, a detector may have learned that instead.

A random forest sees only what the files say of themselves (pixel size, bytes, format, quantisation tables) and is
judged on images it was not trained on, by cross-validation. Above AUC 0.6 the set is reported as leaking, with what
leaks (trap 1 of the evaluation literature: authentic JPEG against synthetic PNG). Files can be alike and their pixels
still remember: where the originals of one class were JPEG before all were reduced and stored alike, only a detector's
fall under a common past shows it (`past_warning`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.benchmarks.rows import FileFacts, ScoredImage
from forensics.metrics.detection import Estimate, auc, evaluate

LEAKING_AUC = 0.6
_FOLDS = 5
# Half of the features a split: one that leaks must be found among the 128 values of two quantisation tables.
_FOREST: Final = {
    "n_estimators": 50,
    "min_samples_leaf": 3,
    "max_features": 0.5,
    "class_weight": "balanced",
}
_LOSSLESS = frozenset({"PNG", "BMP", "TIFF", "GIF"})


@dataclass(frozen=True)
class Leakage:
    """What the metadata of the files tell of the classes.

    `auc` of metadata alone, None with fewer than five images in a class; `by_kind`: kind of metadata → AUC by itself.
    `words`: the warning, or why there is no number; `past`: what a common JPEG past takes from a detector, if it does.
    """

    auc: Estimate | None
    leaking: bool
    by_kind: Mapping[str, float]
    words: str
    past: str = ""

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {**vars(self), "auc": self.auc and self.auc.to_json(), "by_kind": dict(self.by_kind)}


def metadata_baseline(rows: Sequence[ScoredImage], *, seed: int, n_bootstrap: int = 1000) -> Leakage:
    """How well files' metadata alone tell the classes, in all and for each kind of it, by cross-validation."""
    labels = np.array([row.label for row in rows], dtype=np.int64)
    files = [row.file_facts for row in rows if row.file_facts is not None]
    kinds = _features(files)
    folds = min(_FOLDS, *np.bincount(labels, minlength=2).tolist())
    if folds < _FOLDS:
        return Leakage(None, False, {}, f"too few images for {_FOLDS} folds")
    out_of_fold = _cross_validated(np.concatenate(list(kinds.values()), axis=1), labels, seed)
    estimate = evaluate(out_of_fold, labels, seed=seed, n_bootstrap=n_bootstrap)["auc"]
    by_kind = {name: round(auc(_cross_validated(x, labels, seed), labels), 6) for name, x in kinds.items()}
    leaking = estimate.value > LEAKING_AUC
    return Leakage(estimate, leaking, by_kind, _words(estimate.value, by_kind, files) if leaking else "")


def _words(value: float, by_kind: Mapping[str, float], files: Sequence[FileFacts]) -> str:
    leaks = [
        f"{name} ({x:.2f})" for name, x in sorted(by_kind.items(), key=lambda i: -i[1]) if x > LEAKING_AUC
    ]
    words = (
        f"This set leaks: metadata alone separates the classes with AUC {value:.2f}. What leaks (AUC by itself): "
        f"{', '.join(leaks) or 'only the combination'}."
    )
    if all(file.format in _LOSSLESS for file in files) and by_kind["bytes"] > LEAKING_AUC:
        words += (
            " All files are lossless: their bytes tell how detailed the pictures are, which pixels show too."
        )
    return words


def past_warning(aucs: Mapping[str, Estimate]) -> str:
    """What to say where a detector loses its footing once both classes have the same JPEG past; else nothing.

    `aucs`: perturbation → AUC of one detector on all images. Beyond chance: the intervals as they are and under a
    `history` perturbation do not overlap. It may be a real trace that JPEG removes, or a past that one class had.
    """
    before = aucs["none"]
    for name, after in aucs.items():
        if name.startswith("history") and after.high < before.low:
            return (
                f"With the same JPEG past for both classes ({name}) the AUC falls from {before.value:.3f} to "
                f"{after.value:.3f}: what separates these images may be how the originals were stored, not how they "
                "were made."
            )
    return ""


def _features(files: Sequence[FileFacts]) -> dict[str, NDArray[np.float64]]:
    """Kind of metadata → float64 [n, d]."""
    size = np.array([[file.width, file.height] for file in files], dtype=np.float64)
    n_bytes = np.array([file.n_bytes for file in files], dtype=np.float64)
    stored = [f"{file.format} {file.mode}" for file in files]
    names = sorted(set(stored))
    tables = np.zeros((len(files), 128))
    for k, file in enumerate(files):
        flat = np.ravel(file.jpeg_tables[:2]).astype(np.float64)
        tables[k, : flat.size] = flat
    return {
        "pixel size": size,
        "bytes": np.stack([n_bytes, n_bytes / size.prod(axis=1)], axis=1),
        "format": np.array([[s == name for name in names] for s in stored], dtype=np.float64),
        "quantisation tables": tables,
    }


def _cross_validated(x: NDArray[np.float64], labels: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold

    if (x == x[0]).all():
        return np.zeros(len(x))  # nothing to learn from; AUC ½ by ties
    scores = np.zeros(len(x))
    for train, test in StratifiedKFold(_FOLDS, shuffle=True, random_state=seed).split(x, labels):
        forest = RandomForestClassifier(**_FOREST, random_state=seed)
        scores[test] = forest.fit(x[train], labels[train]).predict_proba(x[test])[:, 1]
    return scores
