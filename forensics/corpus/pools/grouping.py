"""Images that must stay together, and five pools of them that share nothing.

Two images are tied where one is a copy of the other, looks like it (perceptual hash), was made from the same latent,
walk or original, or shows the same person (cosine of face embeddings). Ties are followed through: a group is whatever
hangs together. Groups are then dealt to pools whole, so that every pool gets its share of every source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import CorpusError
from forensics.core.files import sha256_bytes
from forensics.corpus.likeness import near_pairs, same_person

POOLS: Final = ("train", "tune", "select", "calibrate", "test")
SHARES: Final = (0.5, 0.1, 0.1, 0.15, 0.15)
_BLOCK: Final = 1024


@dataclass(frozen=True)
class Trace:
    """What ties an image to others. `embedding`: float32 [d] of its best face, any length; None: no face looked for."""

    sha256: str
    phash: str
    origins: tuple[str, ...]
    embedding: NDArray[np.float32] | None = None


def groups_of(traces: Sequence[Trace]) -> list[str]:
    """The group of each image, named after the smallest hash in it: the same members always give the same name."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    pairs = np.array([(i, i) for i in range(len(traces))] + list(_ties(traces)), np.int64).reshape(-1, 2)
    size = len(traces), len(traces)
    graph = coo_matrix((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=size)
    member = connected_components(graph, directed=False)[1]
    names: dict[int, str] = {}
    for trace, number in zip(traces, member.tolist(), strict=True):
        names[number] = min(names.get(number, trace.sha256), trace.sha256)
    return [names[number][:16] for number in member.tolist()]


def _ties(traces: Sequence[Trace]) -> Iterator[tuple[int, int]]:
    first: dict[str, int] = {}
    for i, trace in enumerate(traces):
        for origin in trace.origins:
            yield first.setdefault(origin, i), i
    hashes = [trace.phash for trace in traces]
    yield from (pair for pair in near_pairs(hashes, hashes) if pair[0] < pair[1])
    yield from _same_person(traces)


def _same_person(traces: Sequence[Trace]) -> Iterator[tuple[int, int]]:
    known = [i for i, t in enumerate(traces) if t.embedding is not None and np.any(t.embedding)]
    if not known:
        return
    table = np.stack([np.asarray(traces[i].embedding, np.float32) for i in known])
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    for start in range(0, len(known), _BLOCK):
        alike = same_person(table[start : start + _BLOCK] @ table.T)
        for i, j in np.argwhere(alike):
            if start + i < j:
                yield known[start + int(i)], known[int(j)]


def deal(
    groups: Sequence[str],
    sources: Sequence[str],
    seed: int,
    shares: Mapping[str, float] | None = None,
    only_tested: Iterable[str] = (),
) -> list[str]:
    """The pool of each image. A group that touches a source of `only_tested` is in `test`.

    Larger groups are dealt first, equal ones in an order drawn by (seed, group); each goes where its sources lack most
    of their share. The order of the images changes nothing.
    """
    wanted = dict(zip(POOLS, SHARES, strict=True)) if shares is None else dict(shares)
    if set(wanted) - set(POOLS) or min(wanted.values()) < 0 or abs(sum(wanted.values()) - 1) > 1e-6:
        raise CorpusError(f"shares {wanted}: give each of {', '.join(POOLS)} a share, together 1")
    names, column = np.unique(np.array(sources, dtype=str), return_inverse=True)
    members: dict[str, NDArray[np.float64]] = {}
    for group, c in zip(groups, column.tolist(), strict=True):
        members.setdefault(group, np.zeros(len(names)))[c] += 1
    total = np.bincount(column, minlength=len(names)).astype(np.float64)
    kept_out = np.isin(names, sorted(only_tested))
    lacking = np.array([[wanted.get(pool, 0.0)] for pool in POOLS]) * total  # [pool, source]
    order = sorted(members, key=lambda g: (-members[g].sum(), sha256_bytes(f"{seed} {g}".encode())))
    dealt: dict[str, str] = {}
    for group in order:
        n = members[group]
        place = POOLS.index("test") if n[kept_out].any() else int(((lacking / total) @ n).argmax())
        lacking[place] -= n
        dealt[group] = POOLS[place]
    return [dealt[group] for group in groups]
