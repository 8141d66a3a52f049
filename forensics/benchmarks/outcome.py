"""What a benchmark found, as results.json has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forensics.benchmarks.leakage import Leakage
from forensics.benchmarks.measured import Measured
from forensics.benchmarks.overlap import Exposure
from forensics.benchmarks.rows import ScoredImage
from forensics.benchmarks.scoring import ScoringPlan
from forensics.benchmarks.slices import unequal_psi
from forensics.benchmarks.verdicts import VerdictCounts, unreachable
from forensics.detectors.contract import Detector


@dataclass(frozen=True)
class BenchmarkOutcome:
    """`rows` are the images that were scored; `measured` and `verdicts` what was made of their scores."""

    plan: ScoringPlan
    rows: Sequence[ScoredImage]
    failures: tuple[str, ...]
    leakage: Leakage
    measured: Sequence[Measured]
    verdicts: Sequence[VerdictCounts]
    exposure: Exposure
    n_scored_now: int = 0  # images that an interrupted run had not scored before
    scoring_s: float = 0.0

    @property
    def detector(self) -> Detector:
        """The first detector: the one whose slices and verdicts are reported."""
        return self.plan.detectors[0]

    def of_detector(self) -> list[Measured]:
        """What was measured of the first detector."""
        return [m for m in self.measured if m.detector == self.detector.id]

    def unreachable(self) -> list[str]:
        """Detectors whose thresholds lie beyond their scores, in words."""
        said = (unreachable(d.description(), d.id) for d in self.plan.detectors)
        return [words for words in said if words]

    def comparability(self) -> str:
        """Why the sources cannot be compared, in words; empty where they can."""
        return unequal_psi(self.rows)

    def counts(self) -> dict[str, int]:
        """Images in = scored + failed + duplicates."""
        scored, failed, twice = len(self.rows), len(self.failures), len(self.plan.listing.duplicates)
        return {"in": scored + failed + twice, "scored": scored, "failed": failed, "duplicates": twice}

    def to_json(self) -> dict[str, object]:
        """results.json."""
        return {
            "format_version": 2,
            "plan": self.plan.to_json(),
            "counts": self.counts(),
            "exposure": self.exposure.to_json([d.id for d in self.plan.detectors]),
            "failures": list(self.failures),
            "duplicates": list(self.plan.listing.duplicates),
            "leakage": self.leakage.to_json(),
            "comparability": self.comparability(),
            "unreachable": self.unreachable(),
            "thresholds": self.detector.thresholds.to_json(),
            "measured": [m.to_json() for m in self.measured],
            "verdicts": [v.to_json() for v in self.verdicts],
        }
