"""Refusing to measure on what was learned: test images against what a detector was fitted on, pools against each other.

A test image overlaps where it is the same file as a fitted one, looks like it (perceptual hash), or shares its latent,
walk, parent or group. A detector that does not say what it was fitted on cannot be checked, and that is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from forensics.core.errors import CorpusError
from forensics.core.files import sha256_file
from forensics.core.terminal import printable
from forensics.corpus.items import Item, Listing
from forensics.corpus.likeness import near_pairs
from forensics.corpus.pools.five_pools import Places, read_pools, traces_of
from forensics.corpus.pools.grouping import POOLS, Trace
from forensics.detectors.fitting.fitted_on import FittedImage

_NAMED: Final = 5


@dataclass(frozen=True)
class Exposure:
    """What is known of what was learned: detector's id → the images it was fitted on (None: it does not say), and the
    pools.json that the corpora were split by, if they were."""

    fitted: Mapping[str, Sequence[FittedImage] | None] = field(default_factory=dict)
    pools: Path | None = None

    def tested(self, listing: Listing) -> Listing:
        """The images that may be tested on: the pool `test` where there are pools, else all."""
        return listing if self.pools is None else only_pool(listing, read_pools(self.pools), self.pools)

    def refuse(self, listing: Listing, on_done: Callable[[int], None]) -> None:
        """CorpusError where test images of `listing` (the whole corpora) were learned from, or two pools overlap."""
        if self.pools is None and not any(self.fitted.values()):
            return
        places = read_pools(self.pools) if self.pools else None
        traces = traces_of(listing.items, on_done)
        if places is not None:
            refuse_crossing(listing.items, traces, places)
        tested = {item.sha256 for item in self.tested(listing).items}
        traces = [trace for trace in traces if trace.sha256 in tested]
        for detector, fitted in self.fitted.items():
            refuse_fitted(detector, overlaps(listing.items, traces, fitted or (), places))

    def to_json(self, detectors: Sequence[str]) -> dict[str, object]:
        """Detector's id → how many images it was fitted on, null where it does not say; and the hash of the pools."""
        known = {detector: self.fitted.get(detector) for detector in detectors}
        return {
            "fitted_on": {name: None if fitted is None else len(fitted) for name, fitted in known.items()},
            "pools_sha256": sha256_file(self.pools) if self.pools else None,
        }


def overlaps(
    items: Sequence[Item],
    traces: Sequence[Trace],
    fitted: Sequence[FittedImage],
    places: Places | None = None,
) -> list[tuple[Item, str]]:
    """Each test image that a detector was fitted on, and how it is known, in the order of the images."""
    by_item = {item.sha256: item for item in items}
    same = {f.sha256: f for f in fitted}
    origin = {o: f for f in fitted for o in f.origins}
    group = {f.group: f for f in fitted if f.group}
    known = [f for f in fitted if f.phash]
    pairs = near_pairs([t.phash for t in traces], [f.phash for f in known])
    near = {i: known[j] for i, j in pairs}
    overlapping: list[tuple[Item, str]] = []
    for i, trace in enumerate(traces):
        place = (places or {}).get(trace.sha256, ("", ""))[1]
        shared = next((origin[o] for o in trace.origins if o in origin), None)
        for fitted_image, how in (
            (same.get(trace.sha256), "is"),
            (shared, "has the seed, walk or parent of"),
            (near.get(i), "looks like"),
            (group.get(place), "is in one group with"),
        ):
            if fitted_image is not None:
                overlapping.append((by_item[trace.sha256], f"{how} {_named(fitted_image)}"))
                break
    return overlapping


def _named(fitted: FittedImage) -> str:
    verb = "calibrated on" if fitted.pool == "calibrate" else "trained on"
    return f"an image it was {verb} ({fitted.source}, {fitted.sha256[:12]}…)"


def refuse_fitted(detector: str, found: Sequence[tuple[Item, str]]) -> None:
    """CorpusError naming the first files, where there are any."""
    if found:
        lines = "; ".join(f"{printable(item.path)} {how}" for item, how in found[:_NAMED])
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise CorpusError(
            f"{len(found)} of the test images were used to fit {printable(detector)}: {lines}{more}; leave them out"
        )


def refuse_crossing(items: Sequence[Item], traces: Sequence[Trace], places: Places) -> None:
    """CorpusError where images of two pools hang together, naming both files: the pools are no longer disjoint."""
    path = {item.sha256: item.path for item in items}
    first: dict[str, Trace] = {}
    placed = [trace for trace in traces if trace.sha256 in places]
    crossing = [*_crossing_origins(placed, places, first), *_crossing_looks(placed, places)]
    if crossing:
        a, b, how = crossing[0]
        raise CorpusError(
            f"{printable(path[a])} (pool {places[a][0]}) and {printable(path[b])} (pool {places[b][0]}) {how}: the "
            f"pools overlap in {len(crossing)} places; make them again with these corpora"
        )


def _crossing_origins(
    traces: Sequence[Trace], places: Places, first: dict[str, Trace]
) -> Iterator[tuple[str, str, str]]:
    for trace in traces:
        for origin in trace.origins:
            earlier = first.setdefault(origin, trace)
            if places[earlier.sha256][0] != places[trace.sha256][0]:
                yield earlier.sha256, trace.sha256, "have a common seed, walk or parent"


def _crossing_looks(traces: Sequence[Trace], places: Places) -> Iterator[tuple[str, str, str]]:
    by_pool: Mapping[str, list[Trace]] = {
        pool: [t for t in traces if places[t.sha256][0] == pool] for pool in POOLS
    }
    for k, pool in enumerate(POOLS):
        for second in POOLS[k + 1 :]:
            ours, theirs = by_pool[pool], by_pool[second]
            for i, j in near_pairs([t.phash for t in ours], [t.phash for t in theirs]):
                yield ours[i].sha256, theirs[j].sha256, "look alike"


def only_pool(listing: Listing, places: Places, pools: Path, wanted: str = "test") -> Listing:
    """The images of one pool. CorpusError naming the first that the list does not know."""
    unknown = [item for item in listing.items if item.sha256 not in places]
    if unknown:
        names = ", ".join(printable(item.path) for item in unknown[:_NAMED])
        raise CorpusError(
            f"{printable(pools)}: does not know {len(unknown)} of the images, such as {names}; make the pools again "
            "with these corpora"
        )
    chosen = tuple(item for item in listing.items if places[item.sha256][0] == wanted)
    if {item.label for item in chosen} != {0, 1}:
        raise CorpusError(f"{printable(pools)}: its pool {wanted} holds only one class of these corpora")
    return Listing(chosen, listing.failures, listing.duplicates)
