"""What the page shows of a network's faces as a tree: the drawing, the clusters, the longest edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forensics.corpus.likeness import SAME_PERSON_COSINE
from forensics.images import contact_sheet
from forensics.report.exhibits import Exhibits
from forensics.report.images import jpeg_uri
from forensics.report.rows import Row
from forensics.studies.walks import tree_figure
from forensics.studies.walks.percent_yield import Outcome
from forensics.studies.walks.pictures import Pictures
from forensics.studies.walks.rows import Place, WalkFace, place_of
from forensics.studies.walks.tree import FaceTree, face_tree, smallest_cluster, thinned

_PAIRS = 8


@dataclass(frozen=True, kw_only=True)
class TreeRow(Place):
    """A face: its parent in the tree and the distance to it (None: the root), its cluster (-1: none), and its place in
    the drawing."""

    parent: str
    distance: float | None
    cluster: int
    x: float
    y: float


@dataclass(frozen=True)
class EdgeRow(Row):
    """One of the longest edges, between the faces `a` and `b`."""

    edge: int
    distance: float
    a: Place
    b: Place

    def cells(self) -> dict[str, object]:
        """The places in columns of their own."""
        ends = {f"{side}_{k}": v for side in ("a", "b") for k, v in getattr(self, side).cells().items()}
        return {"edge": self.edge, "distance": self.distance, **ends}


@dataclass(frozen=True)
class EdgePicture:
    """The two faces of an edge as a data: URI."""

    uri: str
    edge: int
    distance: float
    a: Place
    b: Place


@dataclass(frozen=True, kw_only=True)
class TreeSection:
    """The tree of `faces` of the `all_faces` there are; `people`: pieces left when every edge over `longest_allowed` is
    cut."""

    uri: str
    faces: int
    all_faces: int
    clusters: int
    sizes: Sequence[int]
    in_none: int
    smallest: int
    people: int
    longest_allowed: float
    median_edge: float
    pairs: Sequence[EdgePicture]


def tree_section(
    exhibits: Exhibits, pictures: Pictures, outcome: Outcome, rows: Sequence[WalkFace]
) -> TreeSection | None:
    """Tree, clusters and longest edges; None where fewer than two images have an embedding."""
    chosen = thinned(len(outcome.faces))
    if len(chosen) < 2:
        return None
    smallest = smallest_cluster(outcome.length)
    tree = face_tree(outcome.embeddings[chosen], smallest)
    images = outcome.faces[chosen]
    exhibits.table("tree", _tree_rows(tree, [rows[i] for i in images]))
    sizes = np.bincount(tree.cluster[tree.cluster >= 0], minlength=tree.n_clusters)
    return TreeSection(
        uri=tree_figure.draw(exhibits, "tree", tree, images, outcome.length),
        faces=len(chosen),
        all_faces=len(outcome.faces),
        clusters=tree.n_clusters,
        sizes=sorted(sizes.tolist(), reverse=True),
        in_none=int((tree.cluster < 0).sum()),
        smallest=smallest,
        people=tree.groups(1 - SAME_PERSON_COSINE),
        longest_allowed=1 - SAME_PERSON_COSINE,
        median_edge=float(np.median(tree.length[tree.parent >= 0])),
        pairs=_pairs(exhibits, pictures, tree, images, rows),
    )


def _tree_rows(tree: FaceTree, rows: Sequence[WalkFace]) -> list[TreeRow]:
    columns = (tree.parent, tree.length, tree.cluster, tree.places)
    return [
        TreeRow(
            **vars(place_of(row)),
            parent=rows[parent].file if parent >= 0 else "",
            distance=float(length) if parent >= 0 else None,
            cluster=int(cluster),
            x=round(float(place[0]), 6),
            y=round(float(place[1]), 6),
        )
        for row, parent, length, cluster, place in zip(rows, *columns, strict=True)
    ]


def _pairs(
    exhibits: Exhibits, pictures: Pictures, tree: FaceTree, images: np.ndarray, rows: Sequence[WalkFace]
) -> list[EdgePicture]:
    """The longest edges as pairs of images."""
    ends = [(int(images[a]), int(images[b]), length) for a, b, length in tree.longest(_PAIRS)]
    edges = [
        EdgeRow(i, length, place_of(rows[a]), place_of(rows[b])) for i, (a, b, length) in enumerate(ends, 1)
    ]
    exhibits.table("longest-edges", edges)
    faces = pictures.of([i for a, b, _ in ends for i in (a, b)])
    exhibits.sheet("longest-edges", contact_sheet(faces, 2))
    sheets = [contact_sheet(faces[k : k + 2], 2) for k in range(0, len(faces), 2)]
    return [EdgePicture(jpeg_uri(sheet, 90), **vars(edge)) for sheet, edge in zip(sheets, edges, strict=True)]
