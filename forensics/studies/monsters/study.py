"""`forensics study monsters`: how far from the mean latent until a generator's face is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from forensics.core.cards import Card
from forensics.core.evidence import Evidence, evidence, recorded
from forensics.core.registry import register
from forensics.generators.base import Generator, load_generator
from forensics.report.rows import Row
from forensics.studies.contract import Part, Study
from forensics.studies.machine import complete
from forensics.studies.monsters.directions import FAMILIES, Latents
from forensics.studies.monsters.facts import MonsterSummary, findings
from forensics.studies.monsters.gallery import Gallery, galleries
from forensics.studies.monsters.measuring import MAP_CHUNK, MonsterMeasurements
from forensics.studies.monsters.page import write_page
from forensics.studies.monsters.plan import MonsterPlan
from forensics.studies.monsters.rows import FamilyRow, MapRow, MonsterTables, StartRow, WalkStep
from forensics.studies.probes import Probe, ProbePlan

CHUNK = 16


@dataclass(frozen=True)
class StartPart(Part[StartRow]):
    """w_avg and the ordinary faces."""

    kind: ClassVar[str] = "start"
    row: ClassVar[type[Row]] = StartRow


@dataclass(frozen=True)
class FamilyChunk(Part[FamilyRow]):
    """16 directions of a family from number `start` on."""

    kind: ClassVar[str] = "directions"
    row: ClassVar[type[Row]] = FamilyRow
    family: str
    start: int


@dataclass(frozen=True)
class MapChunk(Part[MapRow]):
    """Some angles of the map from number `start` on."""

    kind: ClassVar[str] = "map"
    row: ClassVar[type[Row]] = MapRow
    start: int


@dataclass(frozen=True)
class WalkPart(Part[WalkStep]):
    """One walk at one of the plan's step sizes."""

    kind: ClassVar[str] = "walk"
    row: ClassVar[type[Row]] = WalkStep
    step_index: int
    walk: int


MonsterPart = StartPart | FamilyChunk | MapChunk | WalkPart


@register(
    "study",
    "monsters",
    Card(
        "How far from the mean latent, and in which directions, until a generator's face is lost.",
        paper="after Riter & Flynn 2025",
        domain="generators of faces that a face pack finds",
        defaults={"random": 64, "mapped": 64, "components": 32, "dimensions": 32, "styles": 56},
    ),
)
@dataclass(frozen=True)
class MonsterStudy(Study[MonsterSummary]):
    """The study of the weights file `weights`; a face pack is always asked, the detector if it is named."""

    title: ClassVar[str] = "monsters"
    weights: str
    out: Path
    plan: MonsterPlan
    probe_plan: ProbePlan

    @cached_property
    def generator(self) -> Generator:
        """The generator."""
        return load_generator(self.weights, self.plan.device)

    @cached_property
    def probe(self) -> Probe:
        """Face finder and detector that are asked."""
        return self.probe_plan.load()

    @cached_property
    def _measurements(self) -> MonsterMeasurements:
        return MonsterMeasurements(self.generator, self.probe, self.plan)

    def conditions(self) -> Mapping[str, object]:
        """The plan and the hashes of what it reads."""
        hashes = self.probe.weights_sha256()
        return {"weights": self.generator.weights_sha256, "probe": hashes, **asdict(self.plan)}

    def parts(self) -> list[MonsterPart]:
        """The start, the directions family by family, the map, the walks."""
        return [StartPart(), *self.chunks(), *self._map(), *self._walks()]

    def chunks(self) -> list[FamilyChunk]:
        """The parts that search directions."""
        plan, generator = self.plan, self.generator
        counts = {
            "random": plan.random,
            "mapped": plan.mapped,
            "component": 2 * _at_most(plan.components, generator.w_dim),
            "dimension": 2 * _at_most(plan.dimensions, generator.w_dim),
            "style": 2 * _at_most(plan.styles, generator.s_dim),
        }
        return [FamilyChunk(family, i) for family in FAMILIES for i in range(0, counts[family], CHUNK)]

    def _map(self) -> list[MapChunk]:
        return [MapChunk(i) for i in range(0, self.plan.map_angles, MAP_CHUNK)]

    def _walks(self) -> list[WalkPart]:
        return [WalkPart(s, w) for s in range(len(self.plan.steps)) for w in range(self.plan.walks)]

    def run(self, part: MonsterPart) -> Sequence[Row]:  # type: ignore[override]
        """Rows of a part."""
        measurements = self._measurements
        match part:
            case StartPart():
                return [measurements.start()]
            case MapChunk(start):
                return measurements.plane(start)
            case WalkPart(step_index, walk):
                return measurements.walk(self.plan.steps[step_index], walk)
            case FamilyChunk(family, start):
                directions = measurements.latents.directions(family)[start : start + CHUNK]
                return [measurements.family(directions)]

    def tables(self) -> MonsterTables:
        """The rows of the finished parts."""
        searched = self.all_rows(self.chunks())
        (start,) = self.rows(StartPart())
        return MonsterTables(
            start=start,
            directions=[row for each in searched for row in each.directions],
            scan=[row for each in searched for row in each.scan],
            map=self.all_rows(self._map()),
            walks=self.all_rows(self._walks()),
        )

    def page(self) -> MonsterSummary:
        """Tables, figures, galleries, monsters.html and evidence.json."""
        tables = self.tables()
        results = findings(tables, self.plan, self.probe, self.generator)
        latents = Latents(self.generator, self.plan)
        pictures = galleries(Gallery(self.out, latents, self.probe), tables, self.plan)
        report = write_page(self.out, tables, results, pictures, self._record())
        return MonsterSummary(out=str(self.out), report=str(report), **vars(results.summary))

    def _record(self) -> Evidence:
        weights = self.generator.weights_sha256
        inputs = ({"weights": weights} if weights else {}) | self.probe.weights_sha256()
        options = {name: value for name, value in asdict(self.plan).items() if name != "seed"}
        return evidence(inputs, {"directions": self.plan.seed}, options)


def _at_most(count: int, size: int) -> int:
    """`count`, or all of `size` where it is negative."""
    return size if count < 0 else min(count, size)


@recorded
def study_monsters(
    weights: str, out: Path, plan: MonsterPlan, probe_plan: ProbePlan, *, workers: int = 1
) -> MonsterSummary:
    """Do (or finish) the study of the weights file `weights` in `out`.

    ForensicsError: `out` holds a study of another network or with other options, or a pack or detector is not there.
    """
    return complete(MonsterStudy(weights, out, plan, probe_plan), workers=workers)
