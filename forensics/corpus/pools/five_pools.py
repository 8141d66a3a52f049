"""Five disjoint pools of corpora: train, tune, select, calibrate, test; fixed once, written down, and obeyed.

Grouped by copies, look, latent seed, walk and parent, and by identity where a face finder is given; dealt by source
(see `forensics.corpus.pools.grouping`). pools.json: `images` {sha256: {pool, group}}, `counts` {pool: {source: n}},
and what the split was made with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from forensics.core.errors import CorpusError
from forensics.core.evidence import evidence, recorded
from forensics.core.files import sha256_bytes, write_json
from forensics.core.terminal import note, printable, progress
from forensics.core.untrusted import read_json
from forensics.corpus.items import Item, list_items
from forensics.corpus.likeness import NEAR_BITS, SAME_PERSON_COSINE, perceptual_hash
from forensics.corpus.pools.grouping import POOLS, SHARES, Trace, deal, groups_of
from forensics.images import DecodedImage, decode_many

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_BYTES: Final = 1 << 30
Places = Mapping[str, tuple[str, str]]  # sha256 → pool, group


class KnowsPersons(Protocol):
    """What groups images by person: `forensics.faces.analyser.FaceAnalyser` is one."""

    pack: str

    def weights_sha256(self) -> Mapping[str, str]:
        """Hash of each network, by its file."""

    def embedding(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 [d] of the best face in an image uint8 [H, W, 3] RGB, not normalised; [0] where there is none."""


@dataclass(frozen=True)
class Rules:
    """What a split is made with; `shares` in the order of POOLS."""

    seed: int = 0
    shares: tuple[float, ...] = SHARES
    only_tested: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Plain values, with the limits of likeness."""
        settings = {
            "seed": self.seed,
            "shares": dict(zip(POOLS, self.shares, strict=True)),
            "only_tested": list(self.only_tested),
        }
        return settings | {"near_bits": NEAR_BITS, "same_person_cosine": SAME_PERSON_COSINE}


def traces_of(
    items: Sequence[Item], on_done: Callable[[int], None] = lambda n: None, faces: KnowsPersons | None = None
) -> list[Trace]:
    """What ties each image to others, in order; files that cannot be read, or were altered, are left out."""
    traces = []
    for item, image in zip(items, decode_many(i.path for i in items), strict=True):
        if isinstance(image, DecodedImage) and image.sha256 == item.sha256:
            seen = _embedding(image, faces)
            traces.append(Trace(item.sha256, perceptual_hash(image.pixels), item.origins, seen))
        on_done(1)
    return traces


def _embedding(image: DecodedImage, faces: KnowsPersons | None) -> NDArray[np.float32] | None:
    embedding = faces.embedding(image.pixels) if faces is not None else None
    return embedding if embedding is not None and embedding.size else None


def split_corpora(
    items: Sequence[Item], traces: Sequence[Trace], rules: Rules, pack: Mapping[str, Any] | None = None
) -> dict[str, object]:
    """The content of pools.json. CorpusError: a pool that was given a share gets no image of a class.

    An item without a trace could not be read: it goes to `test`, where a benchmark lists it as a failure.
    """
    known = {item.sha256: item for item in items}
    traced = [known[trace.sha256] for trace in traces]
    groups = groups_of(traces)
    shares = dict(zip(POOLS, rules.shares, strict=True))
    pools = deal(groups, [item.source for item in traced], rules.seed, shares, rules.only_tested)
    for pool, share in shares.items():
        labels = {item.label for item, name in zip(traced, pools, strict=True) if name == pool}
        if share and labels != {0, 1}:
            lacks = " and ".join(w for y, w in ((0, "authentic"), (1, "synthetic")) if y not in labels)
            raise CorpusError(
                f"the pool {pool} would hold no {lacks} images: what hangs together is too large, or there are too "
                "few images; give more, or other shares"
            )
    unread = {item.sha256: {"pool": "test", "group": item.sha256[:16]} for item in items}
    counts: dict[str, Counter[str]] = {pool: Counter() for pool in POOLS}
    for item, pool in zip(traced, pools, strict=True):
        counts[pool][item.source] += 1
    return {
        "format_version": 1,
        "how": rules.to_json() | {"pack": dict(pack) if pack else None},
        "counts": {pool: dict(counter) for pool, counter in counts.items()},
        "groups": {"n": len(set(groups)), "largest": Counter(groups).most_common(1)[0][1]},
        "images": unread
        | {
            item.sha256: {"pool": pool, "group": group}
            for item, pool, group in zip(traced, pools, groups, strict=True)
        },
    }


def read_pools(path: Path) -> Places:
    """sha256 → (pool, group) of a pools.json. CorpusError: missing, damaged, or a group in two pools."""
    named = printable(path)
    try:
        images = read_json(path, _MAX_BYTES, CorpusError)["images"]
        places = {str(k): (str(v["pool"]), str(v["group"])) for k, v in images.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{named}: is no list of pools ({error!r}); write it again") from error
    if strange := sorted({pool for pool, _ in places.values()} - set(POOLS)):
        raise CorpusError(f"{named}: has the pool {printable(strange[0])}; the pools are {', '.join(POOLS)}")
    first: dict[str, tuple[str, str]] = {}
    for sha256, (pool, group) in places.items():
        other, other_pool = first.setdefault(group, (sha256, pool))
        if other_pool != pool:
            raise CorpusError(
                f"{named}: group {printable(group)} is in two pools: {other[:16]}… in {other_pool}, {sha256[:16]}… in "
                f"{pool}; write it again"
            )
    return places


@recorded
def make_pools(corpora: Sequence[Path], out: Path, rules: Rules, faces: KnowsPersons | None = None) -> int:
    """Split `corpora` and write `out`; the number of files that could not be read."""
    listing = list_items(corpora)
    with progress("looking for what hangs together", len(listing.items)) as meter:
        traces = traces_of(listing.items, meter.advance, faces)
    for failure in listing.failures:
        note(f"error: {failure}")
    read = {trace.sha256 for trace in traces}
    unread = [item for item in listing.items if item.sha256 not in read]
    for item in unread:
        note(f"error: {item.path}: cannot be read, or was altered since its corpus was listed")
    pack = {"name": faces.pack, "sha256": faces.weights_sha256()} if faces is not None else None
    write_json(out, split_corpora(listing.items, traces, rules, pack))
    inputs = {"images": sha256_bytes("\n".join(sorted(read)).encode())}
    inputs |= {
        f"face pack {name}": sha256 for name, sha256 in (faces.weights_sha256() if faces else {}).items()
    }
    evidence(inputs, {"seed": rules.seed}).write_beside(out)
    return len(listing.failures) + len(unread)


def pool_lines(path: Path) -> Iterator[str]:
    """What a pools.json holds, in lines: how many images of which source each pool has, and how many groups."""
    written = read_json(path)
    for pool, counts in written["counts"].items():
        sources = ", ".join(f"{n} {printable(source)}" for source, n in counts.items())
        yield f"{pool:<10}{sum(counts.values()):>6}  {sources}"
    yield f"{written['groups']['n']} groups, the largest of {written['groups']['largest']} images"
