"""Are monsters easier or harder to catch than faces at the same radius: a detector's log10 LR over the scanned images.

All monsters against all faces would be far images against near ones. Each stratum is therefore one radius of one
family, where both kinds were seen, weighted n_m n_f / (n_m + n_f) (Mantel & Haenszel 1959). Images along one direction
resemble one another: the bootstrap draws whole directions, within their family.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forensics.detectors.thresholds import Thresholds
from forensics.metrics.detection import wilson
from forensics.studies.monsters.probe import PART

Rows = Sequence[Mapping[str, Any]]
SPACES = {"w": "W", "s": "S"}
KINDS = ("faces", "monsters")
_REPLICATES = 2000


def _table(scan: Rows, threshold: float) -> dict[str, np.ndarray]:
    rows = [row for row in scan if row.get("log10_lr") is not None]
    return {
        "space": np.array([row["space"] for row in rows]),
        "family": np.array([row["family"] for row in rows]),
        "direction": np.array([f"{row['family']} {row['index']} {row['sign']}" for row in rows]),
        "radius": np.array([row["radius"] for row in rows], float),
        "monster": np.array([row["score"] < threshold for row in rows], bool),
        "log10_lr": np.array([row["log10_lr"] for row in rows], float),
    }


def rates(scan: Rows, threshold: float, limits: Thresholds) -> list[dict[str, Any]]:
    """For each space, radius and kind: n, the share the detector calls synthetic and authentic at its `limits`
    (`synthetic_at`, `authentic_at` in log10 LR) with Wilson 95 % intervals, and the mean log10 LR. The images of a row
    come from as many directions."""
    table, found = _table(scan, threshold), []
    for space in SPACES:
        for radius in np.unique(table["radius"][table["space"] == space]):
            for monster, kind in enumerate(KINDS):
                chosen = (table["space"] == space) & (table["radius"] == radius)
                values = table["log10_lr"][chosen & (table["monster"] == bool(monster))]
                if len(values):
                    found.append(
                        {"space": space, "radius": float(radius), "kind": kind, **called(values, limits)}
                    )
    return found


def called(log10_lr: np.ndarray, limits: Thresholds) -> dict[str, Any]:
    """n, mean log10 LR with its interval by Student's t (None where n is 1), and the shares called synthetic and
    authentic with their Wilson intervals."""
    from scipy.stats import t

    n, mean = len(log10_lr), float(log10_lr.mean())
    half = float(t.ppf(0.975, n - 1) * log10_lr.std(ddof=1) / np.sqrt(n)) if n > 1 else None
    row: dict[str, Any] = {"n": n, "log10_lr": mean}
    row |= {
        f"log10_lr_{end}": None if half is None else mean + s * half for end, s in (("low", -1), ("high", 1))
    }
    for name, hits in (
        ("synthetic", log10_lr >= limits.synthetic_at),
        ("authentic", log10_lr <= limits.authentic_at),
    ):
        k = int(hits.sum())
        low, high = wilson(k, len(hits))
        row |= {f"called_{name}": k / len(hits), f"{name}_low": low, f"{name}_high": high}
    return row


def comparison(scan: Rows, threshold: float, limits: Thresholds, seed: int = 0) -> list[dict[str, Any]]:
    """For W and S: monsters less faces at the same radius and family, in rate called synthetic, in rate called
    authentic and in mean log10 LR, each with a bootstrap 95 % interval over directions (None: all images are called
    alike); numbers of images and strata. A space without a stratum that holds both kinds has no row."""
    table, found = _table(scan, threshold), []
    outcomes = {
        "called_synthetic": table["log10_lr"] >= limits.synthetic_at,
        "called_authentic": table["log10_lr"] <= limits.authentic_at,
        "log10_lr": table["log10_lr"],
    }
    for space in SPACES:
        chosen = table["space"] == space
        keys = np.array([f"{f} {r}" for f, r in zip(table["family"], table["radius"], strict=True)])
        both = set(keys[chosen & table["monster"]]) & set(keys[chosen & ~table["monster"]])
        chosen &= np.isin(keys, sorted(both))
        if not both:
            continue
        own = {name: column[chosen] for name, column in table.items()}
        weights = _weights(own["family"], own["direction"], seed)
        row = {
            "space": space,
            "strata": len(both),
            "faces": int((~own["monster"]).sum()),
            "monsters": int(own["monster"].sum()),
            "directions": len(set(own["direction"])),
        }
        for name, outcome in outcomes.items():
            differences = _difference(keys[chosen], own["monster"], outcome[chosen].astype(float), weights)
            low, high = np.nanpercentile(differences[1:], (2.5, 97.5)).tolist()
            if np.ptp(own_outcome := outcome[chosen].astype(float)) == 0:
                low = high = None  # all or none: the bootstrap cannot know how rare the other case is
            row |= {name: float(differences[0]), f"{name}_low": low, f"{name}_high": high}
            if name != "log10_lr":
                row[f"{name}_images"] = int(own_outcome.sum())
        found.append(row)
    return found


def of_parts(scan: Rows, threshold: float, limits: Thresholds, seed: int = 0) -> list[dict[str, Any]]:
    """For each part of the detector and each space: monsters less faces in mean log10 LR, as `comparison` has it."""
    columns = sorted({name for row in scan for name in row if name.startswith(PART)})
    kept = ("space", "log10_lr", "log10_lr_low", "log10_lr_high")
    return [
        {"part": column.removeprefix(PART)} | {name: row[name] for name in kept}
        for column in columns
        for row in comparison([{**row, "log10_lr": row.get(column)} for row in scan], threshold, limits, seed)
    ]


def verdict(row: Mapping[str, Any]) -> str:
    """The answer that a row of `comparison` gives, in words: of its rate called synthetic, with the interval."""
    space = row["space"].upper()
    low, high = row["called_synthetic_low"], row["called_synthetic_high"]
    if low is None:
        alike = "all" if row["called_synthetic_images"] else "none"
        return f"in {space} not told: {alike} of the images are called synthetic"
    points = (100 * row["called_synthetic"], 100 * low, 100 * high)
    found = "{:+.1f} points, 95 % interval {:+.1f} to {:+.1f}".format(*points).replace("-", "−")
    if low <= 0 <= high:
        return f"in {space} neither is shown ({found})"
    kind, how = ("easier", "more") if low > 0 else ("harder", "less")
    return f"in {space} {kind}: called synthetic {how} often than faces at the same radius ({found})"


def _weights(family: np.ndarray, direction: np.ndarray, seed: int) -> np.ndarray:
    """How often each image is drawn, [1 + replicates, n]; row 0 is the sample itself."""
    weights = np.ones((1 + _REPLICATES, len(direction)))
    for k, name in enumerate(np.unique(family)):
        rng = np.random.default_rng([seed, k])
        names, place = np.unique(direction[family == name], return_inverse=True)
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), _REPLICATES)
        weights[1:, family == name] = drawn[:, place]
    return weights


def _difference(
    keys: np.ndarray, monster: np.ndarray, outcome: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Weighted mean over strata of the mean outcome of monsters less that of faces, [len(weights)]."""
    total, mass = np.zeros(len(weights)), np.zeros(len(weights))
    for key in np.unique(keys):
        m, f = (weights[:, (keys == key) & (monster == kind)] for kind in (True, False))
        a, b = (outcome[(keys == key) & (monster == kind)] for kind in (True, False))
        n_m, n_f = m.sum(axis=1), f.sum(axis=1)
        weight = np.divide(n_m * n_f, n_m + n_f, out=np.zeros(len(n_m)), where=n_m + n_f > 0)
        gap = m @ a / np.maximum(n_m, 1) - f @ b / np.maximum(n_f, 1)
        total, mass = total + weight * gap, mass + weight
    differences: np.ndarray = np.divide(total, mass, out=np.full(len(mass), np.nan), where=mass > 0)
    return differences
