"""`forensics study walk`: walks through one or several networks, a face finder on every image, in one page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from forensics.core.cards import Card
from forensics.core.errors import ForensicsError
from forensics.core.evidence import Evidence, evidence, recorded
from forensics.core.registry import register
from forensics.core.terminal import note
from forensics.generators.base import Generator, load_generator
from forensics.recipes.walked import Walk
from forensics.report.exhibits import Exhibits
from forensics.report.rows import Row
from forensics.studies.contract import Part, Study, Summary
from forensics.studies.machine import complete
from forensics.studies.monsters.page import section as monster_section
from forensics.studies.monsters.plan import MonsterPlan
from forensics.studies.monsters.study import MonsterStudy
from forensics.studies.probes import Probe, ProbePlan
from forensics.studies.walks.faces import (
    CHUNK,
    FaceExaminer,
    Times,
    WalkPipeline,
    listed_images,
)
from forensics.studies.walks.network import NetworkSection, network_section
from forensics.studies.walks.page import PagePieces, WalkSummary, write_page
from forensics.studies.walks.percent_yield import Outcome, outcome_of
from forensics.studies.walks.rows import WalkFace, WalkImage


@dataclass(frozen=True, kw_only=True)
class WalkPlan:
    """`walks` walks of `length` images each through every network, in `space` with steps of `step`."""

    walks: int = 10
    length: int = 500
    step: float = 0.01
    space: str = "w"
    direction: str = "gaussian"
    noise: str = "const"
    seed: int = 0
    device: str = "auto"

    def walk(self, generator: Generator) -> Walk:
        """The walks through one network."""
        return Walk(generator, **{name: value for name, value in vars(self).items() if name != "device"})


@dataclass(frozen=True)
class FaceChunk(Part[WalkFace]):
    """`count` images of a network's walks from index `start` on."""

    kind: ClassVar[str] = "faces"
    row: ClassVar[type[Row]] = WalkFace
    start: int
    count: int

    @property
    def size(self) -> int:
        """Progress is counted in images."""
        return self.count


@dataclass(frozen=True)
class NetworkStudy(Study[Summary]):
    """The walks of one network, called `label` on the page."""

    title: ClassVar[str] = "walks"
    in_one_process: ClassVar[bool] = True
    weights: str
    out: Path
    plan: WalkPlan
    probe_plan: ProbePlan
    label: str

    @cached_property
    def walk(self) -> Walk:
        """The walks."""
        return self.plan.walk(load_generator(self.weights, self.plan.device))

    @cached_property
    def probe(self) -> Probe:
        """Face finder and detector that are asked."""
        return self.probe_plan.load()

    @cached_property
    def times(self) -> Times:
        """How long this run took."""
        return Times()

    @cached_property
    def _listed(self) -> tuple[list[WalkImage], bool]:
        return listed_images(self.out / "corpus")

    def conditions(self) -> Mapping[str, object]:
        """The walks and the hashes of what looks at them."""
        return {**self.walk.how(), "probe": self.probe.weights_sha256()}

    def parts(self) -> list[FaceChunk]:
        """The images in chunks."""
        count = self.plan.walks * self.plan.length
        return [FaceChunk(start, min(CHUNK, count - start)) for start in range(0, count, CHUNK)]

    def is_current(self, part: FaceChunk, rows: Sequence[WalkFace]) -> bool:  # type: ignore[override]
        """Whether the rows are of the images that the corpus lists; the last ones only of a finished corpus."""
        images, is_complete = self._listed
        is_last = part.start + part.count == self.plan.walks * self.plan.length
        expected = images[part.start : part.start + part.count]
        return [row.image for row in rows] == expected and (is_complete or not is_last)

    def run(self, part: FaceChunk) -> Sequence[WalkFace]:  # type: ignore[override]
        """One chunk by itself."""
        ((_, rows),) = self.run_all([part])
        return rows

    def run_all(self, parts: Sequence[FaceChunk]) -> Iterator[tuple[FaceChunk, Sequence[WalkFace]]]:  # type: ignore[override]
        """Images are made while those before them are examined."""
        by_start = {part.start: part for part in parts}
        pipeline = WalkPipeline(self.walk, self.out / "corpus", FaceExaminer(self.probe), self.times)
        for start, rows in pipeline.run(set(by_start)):
            if start in by_start:
                yield by_start[start], rows
        note(self.times.row().words())

    @cached_property
    def faces(self) -> list[WalkFace]:
        """A row an image, in order."""
        return self.all_rows(self.parts())

    @cached_property
    def outcome(self) -> Outcome:
        """What the rows say."""
        return outcome_of(self.faces, self.plan.walks)

    def section(self) -> NetworkSection:
        """What the page shows of this network; its tables, figures and sheets are written on the way."""
        Exhibits(self.out).table("faces", self.faces)
        return network_section(self.label, self.walk, self.faces, self.outcome, self.out)

    def page(self) -> Summary:
        """Tables, figures and sheets; the page is that of all networks together."""
        self.section()
        return Summary(str(self.out), "")


@register(
    "study",
    "walk",
    Card(
        "Walks from the mean of W with a face finder on every image: yield, identity and clusters.",
        paper="Riter & Flynn 2025",
        domain="generators of faces that a face pack finds",
        defaults={"walks": 10, "length": 500, "step": 0.01, "space": "w"},
    ),
)
@dataclass(frozen=True)
class WalkStudy(Study[WalkSummary]):
    """The walks of several networks, compared; with `monsters` also how far the faces reach. Its parts are those of its
    children."""

    title: ClassVar[str] = "walk"
    weights: tuple[str, ...]
    out: Path
    plan: WalkPlan
    probe_plan: ProbePlan
    monsters: MonsterPlan | None = None

    @cached_property
    def networks(self) -> list[NetworkStudy]:
        """A study a network, with labels and folders that tell them apart."""
        studies: dict[str, NetworkStudy] = {}
        for name in self.weights:
            sha256 = load_generator(name, self.plan.device).weights_sha256
            if sha256 in studies:
                raise ForensicsError(f"{name}: the same network is named twice; name it once")
            stem = Path(name).stem if Path(name).suffix else Path(name).name
            is_new = all(study.label != stem for study in studies.values())
            label = stem if is_new else f"{stem} {sha256[:8]}"
            folder = self.out / f"{re.sub(r'[^A-Za-z0-9._-]', '_', stem)}-{sha256[:8]}"
            studies[sha256] = NetworkStudy(name, folder, self.plan, self.probe_plan, label)
        return list(studies.values())

    @cached_property
    def monster_studies(self) -> dict[str, MonsterStudy]:
        """A monster study a network, by label."""
        if self.monsters is None:
            return {}
        return {
            n.label: MonsterStudy(n.weights, n.out / "monsters", self.monsters, self.probe_plan)
            for n in self.networks
        }

    def conditions(self) -> Mapping[str, object]:
        """Those of the children."""
        return {}

    def children(self) -> Sequence[Study[Summary]]:
        """The networks, then their monsters."""
        return (*self.networks, *self.monster_studies.values())

    def parts(self) -> Sequence[Part[Any]]:
        """None of its own."""
        return ()

    def run(self, part: Part[Any]) -> Sequence[Row]:
        """There is no part to run."""
        raise NotImplementedError(part.name)

    def page(self) -> WalkSummary:
        """Tables and figures of all networks, a folder for each, index.html and evidence.json."""
        summaries = {label: study.page() for label, study in self.monster_studies.items()}
        times = Times()
        for network in self.networks:
            times = times.plus(network.times)
        pieces = PagePieces(
            plan=self.plan,
            pack=self._pack,
            outcomes={network.label: network.outcome for network in self.networks},
            networks=[network.section() for network in self.networks],
            monsters={label: monster_section(Path(summary.out)) for label, summary in summaries.items()},
        )
        return write_page(self.out, pieces, self._record(), summaries, times.row())

    @property
    def _pack(self) -> str:
        faces = self.networks[0].probe.faces
        assert faces is not None
        return faces.pack

    def _record(self) -> Evidence:
        first = self.networks[0]
        inputs = {f"weights {n.label}": n.walk.generator.weights_sha256 for n in self.networks}
        options = {k: v for k, v in asdict(self.plan).items() if k != "seed"}
        options |= {
            "pack": self._pack,
            "detector": self.probe_plan.detector,
            "device": str(first.walk.generator.device),
            "monsters": asdict(self.monsters) if self.monsters else None,
        }
        return evidence(inputs | first.probe.weights_sha256(), {"walks": self.plan.seed}, options)


@recorded
def study_walk(
    weights: Sequence[str],
    out: Path,
    plan: WalkPlan,
    probe_plan: ProbePlan,
    *,
    monsters: MonsterPlan | None = None,
    workers: int = 1,
) -> WalkSummary:
    """Do (or finish) the study of the weights files `weights` below `out`; `monsters`: the plan of the search, None
    for no search.

    Raises `CheckpointError` for a file without a generator, `FacePackError` for a pack that is not there, and
    `ForensicsError` where `out` holds a study made with other numbers or two names are one network.
    """
    return complete(WalkStudy(tuple(weights), out, plan, probe_plan, monsters), workers=workers)
