"""The faces of a network's walks as a tree and as clusters: minimum spanning tree (scipy) and HDBSCAN (scikit-learn).

Distances are cosine distances of embeddings, 1 - cosine, from 0 to 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_FACES = 6000
"""More faces are thinned evenly first: memory and time go with the square of their number."""
MIN_SAMPLES = 5
_DECIMALS = 9


@dataclass(frozen=True)
class FaceTree:
    """A minimum spanning tree of n faces. `parent` [n] (-1: the root, from which no branch holds over half of the tree)
    and `length` [n], the distance to it; `places` [n, 2] of a drawing in which edges keep their length and none
    cross; `cluster` [n], -1 outside all clusters."""

    parent: np.ndarray
    length: np.ndarray
    places: np.ndarray
    cluster: np.ndarray

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self.cluster.max(initial=-1)) + 1

    def groups(self, longest: float) -> int:
        """How many pieces are left when every edge over `longest` is cut."""
        return int((self.length > longest).sum()) + 1

    def longest(self, n: int) -> list[tuple[int, int, float]]:
        """The n longest edges as (node, its parent, length), longest first."""
        inner = np.flatnonzero(self.parent >= 0)
        order = inner[np.argsort(-self.length[inner], kind="stable")][:n]
        return [(int(i), int(self.parent[i]), float(self.length[i])) for i in order]


def thinned(n: int) -> np.ndarray:
    """Indices of at most MAX_FACES of n faces, evenly spread."""
    return np.arange(n) if n <= MAX_FACES else np.linspace(0, n - 1, MAX_FACES).round().astype(np.int64)


def smallest_cluster(length: int) -> int:
    """Faces a cluster has at least: a twentieth of a walk, 5 or more."""
    return max(5, length // 20)


def face_tree(embeddings: np.ndarray, min_cluster_size: int) -> FaceTree:
    """Tree and clusters of unit embeddings [n, d], n >= 2."""
    distances = cosine_distances(embeddings)
    parent, length, order = _rooted(distances)
    return FaceTree(parent, length, _places(parent, length, order), _clusters(distances, min_cluster_size))


def cosine_distances(embeddings: np.ndarray) -> np.ndarray:
    """1 - cosine of all pairs of unit embeddings [n, d]: float64 [n, n], rounded so that equal faces are at 0."""
    distances = np.round(1 - embeddings @ embeddings.T, _DECIMALS)
    np.fill_diagonal(distances, 0)
    clipped: np.ndarray = np.maximum(distances, 0, out=distances)
    return clipped


def _rooted(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parents, lengths of the edges to them, and the nodes from the root outwards."""
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    # One more on every edge: a tree has n - 1 of them whichever it is, and scipy takes 0 for no edge at all.
    tree = minimum_spanning_tree(np.triu(distances + 1, 1))
    order, parent = breadth_first_order(tree, 0, directed=False)
    root = _centroid(order, parent)
    order, parent = breadth_first_order(tree, root, directed=False)
    parent = np.where(np.arange(len(parent)) == root, -1, parent).astype(np.int64)
    length = np.where(parent < 0, 0.0, distances[np.arange(len(parent)), parent])
    return parent, length, order


def _sizes(order: np.ndarray, parent: np.ndarray) -> np.ndarray:
    """Nodes at and beyond each node."""
    sizes = np.ones(len(order), dtype=np.int64)
    for node in order[:0:-1]:
        sizes[parent[node]] += sizes[node]
    return sizes


def _centroid(order: np.ndarray, parent: np.ndarray) -> int:
    """The node whose largest branch is smallest."""
    sizes = _sizes(order, parent)
    largest = len(order) - sizes
    for node in order[1:]:
        largest[parent[node]] = max(largest[parent[node]], sizes[node])
    return int(np.argmin(largest))


def _places(parent: np.ndarray, length: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Equal-angle drawing (Felsenstein 2004): each branch gets a share of its parent's angle by its number of nodes."""
    sizes = _sizes(order, parent)
    places = np.zeros((len(order), 2))
    start, width = np.zeros(len(order)), np.zeros(len(order))
    width[order[0]] = 2 * np.pi
    free = start.copy()  # where the next child's angle begins
    free[order[0]] = start[order[0]]
    for node in order[1:]:
        above = parent[node]
        start[node] = free[above]
        width[node] = width[above] * sizes[node] / max(sizes[above] - 1, 1)
        free[above] += width[node]
        free[node] = start[node]
        middle = start[node] + width[node] / 2
        places[node] = places[above] + length[node] * np.array([np.cos(middle), np.sin(middle)])
    return places


def _clusters(distances: np.ndarray, min_cluster_size: int) -> np.ndarray:
    """HDBSCAN (Campello et al. 2013) labels [n]; all -1 where there are too few faces for one cluster."""
    from sklearn.cluster import HDBSCAN

    if len(distances) < max(min_cluster_size, MIN_SAMPLES):
        return np.full(len(distances), -1)
    model = HDBSCAN(
        min_cluster_size=min_cluster_size, min_samples=MIN_SAMPLES, metric="precomputed", copy=True
    )
    labels: np.ndarray = model.fit_predict(distances)
    return labels
