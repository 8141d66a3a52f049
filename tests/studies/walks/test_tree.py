"""The minimum spanning tree of faces, its drawing, and clusters."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from forensics.studies.walks import tree as module
from forensics.studies.walks.tree import cosine_distances, face_tree, smallest_cluster, thinned


def unit(n: int, d: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, d))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def prim(distances: np.ndarray) -> float:
    """Length of the minimum spanning tree, the plain way."""
    reached, total = {0}, 0.0
    while len(reached) < len(distances):
        length, node = min(
            (distances[i, j], j) for i in reached for j in range(len(distances)) if j not in reached
        )
        reached.add(node)
        total += length
    return total


def test_the_tree_is_minimal_and_whole() -> None:
    embeddings = unit(40, 6, 0)
    tree = face_tree(embeddings, 5)
    distances = cosine_distances(embeddings)
    assert tree.length.sum() == pytest.approx(prim(distances), abs=1e-9)
    assert (tree.parent < 0).sum() == 1
    for node in range(40):
        seen = 0
        while tree.parent[node] >= 0:
            node, seen = tree.parent[node], seen + 1
            assert seen < 40


def test_equal_faces_are_connected_by_edges_without_length() -> None:
    """All walks in W start at the same image."""
    embeddings = np.repeat(unit(4, 5, 1), 3, axis=0)
    tree = face_tree(embeddings, 5)
    assert (tree.parent >= 0).sum() == 11
    assert (tree.length[tree.parent >= 0] == 0).sum() == 8
    assert tree.length.sum() == pytest.approx(prim(cosine_distances(unit(4, 5, 1))), abs=1e-8)


def test_the_root_has_no_branch_over_half() -> None:
    angle = np.linspace(0, 1.5, 31)
    tree = face_tree(np.stack([np.cos(angle), np.sin(angle)], axis=1), 5)
    assert np.flatnonzero(tree.parent < 0).tolist() == [15]


def test_edges_of_the_drawing_keep_their_length_and_do_not_cross() -> None:
    tree = face_tree(unit(60, 8, 2), 5)
    nodes = np.flatnonzero(tree.parent >= 0)
    drawn = np.linalg.norm(tree.places[nodes] - tree.places[tree.parent[nodes]], axis=1)
    np.testing.assert_allclose(drawn, tree.length[nodes], atol=1e-9)
    for a, b in combinations(nodes, 2):
        ends = [tree.places[a], tree.places[tree.parent[a]], tree.places[b], tree.places[tree.parent[b]]]
        if len({a, b, tree.parent[a], tree.parent[b]}) == 4:
            assert not crossing(*ends)


def crossing(p: np.ndarray, q: np.ndarray, r: np.ndarray, s: np.ndarray) -> bool:
    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
        return float(np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])))

    return side(p, q, r) * side(p, q, s) < 0 and side(r, s, p) * side(r, s, q) < 0


def test_longest_edges_first() -> None:
    tree = face_tree(unit(20, 4, 3), 5)
    found = tree.longest(4)
    lengths = [length for _, _, length in found]
    assert lengths == sorted(tree.length, reverse=True)[:4]
    assert all(tree.parent[node] == parent for node, parent, _ in found)


def test_two_people_are_two_clusters() -> None:
    rng = np.random.default_rng(4)
    centres = unit(2, 16, 5)
    faces = np.concatenate([c + 0.05 * rng.standard_normal((30, 16)) for c in centres])
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    tree = face_tree(faces, 10)
    assert tree.n_clusters == 2
    assert len(set(tree.cluster[:30].tolist()) - {-1}) == 1
    assert set(tree.cluster[:30].tolist()) & set(tree.cluster[30:].tolist()) <= {-1}
    a, b, _ = tree.longest(1)[0]
    assert (a < 30) != (b < 30)
    assert tree.groups(tree.longest(1)[0][2] - 1e-6) == 2
    assert tree.groups(2.0) == 1


def test_too_few_for_a_cluster() -> None:
    tree = face_tree(unit(2, 4, 6), 5)
    assert tree.n_clusters == 0
    assert tree.cluster.tolist() == [-1, -1]


def test_many_faces_are_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert thinned(5000).tolist() == list(range(5000))
    monkeypatch.setattr(module, "MAX_FACES", 10)
    chosen = thinned(91)
    assert chosen.tolist() == list(range(0, 91, 10))
    assert smallest_cluster(500) == 25
    assert smallest_cluster(20) == 5
