"""What the page of a walk study shows of one network: its walks, its faces as a tree, and pictures of both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forensics.corpus import Corpus
from forensics.corpus.likeness import SAME_PERSON_COSINE
from forensics.images import contact_sheet
from forensics.recipes.walked import Walk
from forensics.report.exhibits import Exhibits
from forensics.report.images import jpeg_uri, thumbnail
from forensics.studies.walks import figures as walk_figures
from forensics.studies.walks.drift import drift, kept_until
from forensics.studies.walks.faces import Row
from forensics.studies.walks.percent_yield import Outcome, network_interval, walk_interval
from forensics.studies.walks.tree import FaceTree, face_tree, smallest_cluster, thinned

_STRIP, _STRIP_ROWS = 11, 12
_PAIRS, _LOST = 8, 12
_SIDE_PX = 128


def network_section(
    label: str, walk: Walk, rows: Sequence[Row], outcome: Outcome, folder: Path, seed: int
) -> dict[str, Any]:
    """The context of one network; its tables, figures and sheets are written to `folder` on the way."""
    exhibits, pictures = Exhibits(folder), Pictures(folder / "corpus")
    found, confidence = network_interval(outcome.found, seed), network_interval(outcome.scores, seed)
    cosines = drift(outcome)
    walks = _walk_rows(outcome, cosines, seed)
    exhibits.table("walks", walks)
    tree = _tree_section(exhibits, pictures, outcome, rows)
    generator = walk.generator
    summary = {
        "network": label,
        "images": int(outcome.scores.size),
        "walks": walk.walks,
        "yield": found.value,
        "yield_low": found.low,
        "yield_high": found.high,
        "confidence": confidence.value,
        "confidence_low": confidence.low,
        "confidence_high": confidence.high,
        "clusters": tree["clusters"] if tree else 0,
        "last_radius": float(outcome.radius[:, -1].mean()),
        "last_cosine": _mean(cosines[:, -1]),
    }
    return {
        "label": label,
        "resolution": generator.img_resolution,
        "sha256": generator.weights_sha256,
        "folder": folder.name,
        "yield": found,
        "confidence": confidence,
        "walks": walks,
        "strip": _strip(exhibits, pictures, outcome, rows),
        "drift": walk_figures.drifts(exhibits, "drift", cosines, outcome.radius, label),
        "tree": tree,
        "lost": _lost(exhibits, pictures, outcome, rows),
        "n_lost": int((outcome.scores == 0).sum()),
        "last_radius": summary["last_radius"],
        "last_cosine": summary["last_cosine"],
        "summary": summary,
    }


def _mean(values: np.ndarray) -> float | None:
    """Mean of the numbers among `values`, None where there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


class Pictures:
    """Images of a corpus by index, reduced for looking at."""

    def __init__(self, corpus: Path) -> None:
        self.corpus = Corpus.open(corpus)

    def of(self, indices: Sequence[int]) -> list[np.ndarray]:
        """uint8 [h, w, 3], at most 128 px, of the images at `indices`."""
        found = [image for _, images in self.corpus.images(indices=indices) for image in images]
        return [thumbnail(image, _SIDE_PX) for image in found]


def _walk_rows(outcome: Outcome, cosines: np.ndarray, seed: int) -> list[dict[str, Any]]:
    """A row a walk: yield and confidence with intervals, radius at the end, where the face and the person are lost."""
    kept = kept_until(cosines)
    rows = []
    for k, (found, scores) in enumerate(zip(outcome.found, outcome.scores, strict=True)):
        share, confidence = walk_interval(found, seed), walk_interval(scores, seed)
        lost = np.flatnonzero(found == 0)
        rows.append(
            {
                "walk": k,
                "images": len(found),
                **{f"yield_{name}": value for name, value in vars(share).items()},
                **{f"confidence_{name}": value for name, value in vars(confidence).items()},
                "last_radius": float(outcome.radius[k, -1]),
                "last_cosine": None if np.isnan(cosines[k, -1]) else float(cosines[k, -1]),
                "same_person_until": kept[k],
                "first_without_face": int(lost[0]) if len(lost) else None,
            }
        )
    return rows


def _place(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("file", "walk", "position", "radius", "score")}


def _strip(exhibits: Exhibits, pictures: Pictures, outcome: Outcome, rows: Sequence[Row]) -> dict[str, Any]:
    """The first walks, a line each, at positions evenly from start to end."""
    positions = np.unique(np.linspace(0, outcome.length - 1, _STRIP).round().astype(int))
    walks = min(len(outcome.scores), _STRIP_ROWS)
    indices = [k * outcome.length + int(p) for k in range(walks) for p in positions]
    exhibits.table("strip", [_place(rows[i]) for i in indices])
    sheet = contact_sheet(pictures.of(indices), len(positions))
    return {"uri": exhibits.sheet("strip", sheet), "positions": positions.tolist(), "walks": walks}


def _lost(
    exhibits: Exhibits, pictures: Pictures, outcome: Outcome, rows: Sequence[Row]
) -> list[dict[str, Any]]:
    """The images without a face that are nearest to the centre."""
    indices = np.flatnonzero(outcome.scores.ravel() == 0)
    order = np.argsort(outcome.radius.ravel()[indices], kind="stable")[:_LOST]
    chosen = [int(i) for i in indices[order]]
    if not chosen:
        return []
    exhibits.table("without-face", [_place(rows[i]) for i in chosen])
    shown = pictures.of(chosen)
    exhibits.sheet("without-face", contact_sheet(shown, 6))
    return [{**_place(rows[i]), "uri": jpeg_uri(image, 90)} for i, image in zip(chosen, shown, strict=True)]


def _tree_section(
    exhibits: Exhibits, pictures: Pictures, outcome: Outcome, rows: Sequence[Row]
) -> dict[str, Any] | None:
    """Tree, clusters and longest edges; None where fewer than two images have an embedding."""
    chosen = thinned(len(outcome.faces))
    if len(chosen) < 2:
        return None
    smallest = smallest_cluster(outcome.length)
    found = face_tree(outcome.embeddings[chosen], smallest)
    images = outcome.faces[chosen]
    exhibits.table("tree", _tree_rows(found, [rows[i] for i in images]))
    figure = walk_figures.tree(exhibits, "tree", found, images, outcome.length)
    sizes = np.bincount(found.cluster[found.cluster >= 0], minlength=found.n_clusters)
    return {
        "uri": figure,
        "faces": len(chosen),
        "all_faces": len(outcome.faces),
        "clusters": found.n_clusters,
        "sizes": sorted(sizes.tolist(), reverse=True),
        "in_none": int((found.cluster < 0).sum()),
        "smallest": smallest,
        "people": found.groups(1 - SAME_PERSON_COSINE),
        "longest_allowed": 1 - SAME_PERSON_COSINE,
        "median_edge": float(np.median(found.length[found.parent >= 0])),
        "pairs": _pairs(exhibits, pictures, found, images, rows),
    }


def _tree_rows(found: FaceTree, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A row a face: where it comes from, its parent in the tree, its cluster, and its place in the drawing."""
    return [
        {
            **_place(row),
            "parent": rows[parent]["file"] if parent >= 0 else "",
            "distance": float(length) if parent >= 0 else None,
            "cluster": int(cluster),
            "x": round(float(x), 6),
            "y": round(float(y), 6),
        }
        for row, parent, length, cluster, (x, y) in zip(
            rows, found.parent, found.length, found.cluster, found.places, strict=True
        )
    ]


def _pairs(
    exhibits: Exhibits, pictures: Pictures, found: FaceTree, images: np.ndarray, rows: Sequence[Row]
) -> list[dict[str, Any]]:
    """The longest edges as pairs of images."""
    edges = [(int(images[a]), int(images[b]), length) for a, b, length in found.longest(_PAIRS)]
    named = [
        {
            "edge": i,
            "distance": length,
            **{f"{side}_{k}": v for side, at in (("a", a), ("b", b)) for k, v in _place(rows[at]).items()},
        }
        for i, (a, b, length) in enumerate(edges, 1)
    ]
    exhibits.table("longest-edges", named)
    shown = pictures.of([i for a, b, _ in edges for i in (a, b)])
    exhibits.sheet("longest-edges", contact_sheet(shown, 2))
    sheets = [contact_sheet(shown[k : k + 2], 2) for k in range(0, len(shown), 2)]
    return [{**row, "uri": jpeg_uri(sheet, 90)} for row, sheet in zip(named, sheets, strict=True)]
