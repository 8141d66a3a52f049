"""What a preset is: a whole recipe, from what a run begins with to the file that ships, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from forensics.generators.training.options import TrainingOptions

Making = Callable[[int | None, int | None], TrainingOptions]


@dataclass(frozen=True)
class Start:
    """The weights a recipe begins with.

    `preset` makes them where a person gives none. `sha256` and `made_by` are of those that the shipped weights began
    with: they are in the history of the repository, not in the package.
    """

    preset: str
    sha256: str = ""
    made_by: str = ""


@dataclass(frozen=True)
class Ending:
    """What is done when a run has come to `at_kimg`: the mean of the snapshots at `mean_of_kimg` (none: the last one),
    then psi 1 to what was `psi_1_was`."""

    at_kimg: int
    mean_of_kimg: tuple[int, ...] = ()
    psi_1_was: float = 1.0


@dataclass(frozen=True)
class Expected:
    """What was measured on weights made this way: KID at psi 1 of `n` images against as many photographs, and the
    sha256 of the weights. `against`: which photographs."""

    kid: float
    precision: float
    recall: float
    n: int
    against: str
    weights_sha256: str


@dataclass(frozen=True)
class Run:
    """A run of a lineage, as far as it was written down."""

    kimg: float
    resolution: int
    what: str


@dataclass(frozen=True)
class Preset:
    """A recipe by name.

    `making` gives the options for a resolution and a batch, None for its own. `kimg` and `snap_kimg`: its length, and
    from one snapshot to the next. `lineage`: the runs before the one that is described. `reproduces`: how near it comes
    to what it describes. `data`: what the run learned from, as `--data` and `--leave-out`.
    """

    summary: str
    making: Making
    paper: str = ""
    kimg: float = 100.0
    snap_kimg: float = 2.0
    start: Start | None = None
    ending: Ending | None = None
    expected: Expected | None = None
    lineage: tuple[Run, ...] = ()
    reproduces: str = ""
    data: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """All of it but the options, which `--dry-run` shows as resolved."""
        return {
            "summary": self.summary,
            "paper": self.paper,
            "kimg": self.kimg,
            "snap_kimg": self.snap_kimg,
            "start": asdict(self.start) if self.start else None,
            "ending": asdict(self.ending) if self.ending else None,
            "expected": asdict(self.expected) if self.expected else None,
            "lineage": [asdict(run) for run in self.lineage],
            "reproduces": self.reproduces,
            "data": dict(self.data),
        }
