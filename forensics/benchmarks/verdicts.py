"""Verdicts at thresholds fixed beforehand: how often each was given, and which can never be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from forensics.benchmarks.rows import PerturbedScores, ScoredImage
from forensics.detectors.description import Description
from forensics.metrics.detection import wilson

WORDS: Final = ("synthetic", "inconclusive", "authentic")
_DIGITS: Final = 6


@dataclass(frozen=True)
class VerdictCounts:
    """How often the images of one class and source got each verdict under one perturbation.

    `source` "" is all of the class. `withheld` of the inconclusive ones lie outside what the detector was validated on,
    or its parts disagree. `counts`: verdict → images.
    """

    perturbation: str
    label: int
    source: str
    n: int
    withheld: int
    counts: Mapping[str, int]

    def share(self, word: str) -> tuple[float, float, float]:
        """The share of that verdict in [0, 1] with its Wilson 95 % interval."""
        return self.counts[word] / self.n, *wilson(self.counts[word], self.n)

    def to_json(self) -> dict[str, object]:
        """Plain values, with the intervals."""
        intervals = {word: [round(x, _DIGITS) for x in wilson(k, self.n)] for word, k in self.counts.items()}
        return {**vars(self), "counts": dict(self.counts), "intervals": intervals}


def verdicts(
    rows: Sequence[ScoredImage], detector: str, verdict: Callable[[float], str], perturbation: str
) -> list[VerdictCounts]:
    """By class and source, how often each verdict was given at thresholds fixed beforehand.

    Where `forensics detect` would withhold its verdict the image is inconclusive.
    """
    groups: dict[tuple[int, str], list[PerturbedScores]] = {}
    for row in rows:
        for source in ("", row.source):
            groups.setdefault((row.label, source), []).append(row.scores[perturbation])
    table = []
    for (label, source), entries in sorted(groups.items()):
        given = ["inconclusive" if e.withheld else verdict(e.log10_lr[detector]) for e in entries]
        counts = {word: given.count(word) for word in WORDS}
        withheld = sum(bool(e.withheld) for e in entries)
        table.append(VerdictCounts(perturbation, label, source, len(entries), withheld, counts))
    return table


def unreachable(description: Description, name: str) -> str:
    """What to say of a detector whose thresholds lie beyond the bounds of its scores: one verdict is never given.

    Where nothing can be called synthetic, a false alarm rate of 0 means nothing.
    """
    bounds, limits = description.calibration, description.thresholds
    if not bounds or not limits:
        return ""
    beyond = []
    if limits.synthetic_at > bounds.highest:
        beyond.append(f"synthetic (from {limits.synthetic_at:+.2f}, its scores end at {bounds.highest:+.2f})")
    if limits.authentic_at < bounds.lowest:
        beyond.append(f"authentic (up to {limits.authentic_at:+.2f}, its scores end at {bounds.lowest:+.2f})")
    if not beyond:
        return ""
    return f"{name} can never say {' nor '.join(beyond)}: its thresholds lie beyond the bounds of its calibration."
