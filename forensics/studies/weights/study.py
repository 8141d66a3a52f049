"""`forensics study weights`: statistics, pruning and latents of one weights file, in one folder and one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from forensics.core.cards import Card
from forensics.core.evidence import recorded
from forensics.core.files import write_text
from forensics.core.registry import register
from forensics.core.terminal import note
from forensics.report.exhibits import Exhibits
from forensics.report.page import render
from forensics.report.rows import Row
from forensics.studies.contract import Part, Study, Summary
from forensics.studies.latent.page import LatentFacts
from forensics.studies.latent.study import LatentStudy
from forensics.studies.latent.sweeps import LatentPlan
from forensics.studies.machine import complete
from forensics.studies.pruning.page import PruningFacts
from forensics.studies.pruning.study import PruningStudy
from forensics.studies.pruning.sweep import SweepPlan
from forensics.studies.weights.page import weight_sections


@dataclass(frozen=True)
class WeightPlan:
    """The plans of the two studies that this one is made of."""

    pruning: SweepPlan
    latent: LatentPlan


@dataclass(frozen=True, kw_only=True)
class WeightSummary(PruningFacts, LatentFacts, Summary):
    """The published run beside this one, the knees, the strongest dimensions."""

    def lines(self) -> list[str]:
        """The summary for a person."""
        return [*PruningFacts.words(self), *self.strongest_words(), f"report: {self.report}"]


@register(
    "study",
    "weights",
    Card(
        "What the weights and the latents of a generator hold: statistics, pruning, latents scaled and moved.",
        paper="Laubmann & Reschke 2025, arXiv 2507.13722",
        domain="generators of every architecture here",
        defaults={"steps": 1000, "every": 20, "images": 32, "delta": 10.0},
    ),
)
@dataclass(frozen=True)
class WeightStudy(Study[WeightSummary]):
    """The whole study of the weights file `weights`; its parts are those of its children."""

    title: ClassVar[str] = "weights"
    weights: str
    out: Path
    plan: WeightPlan

    @cached_property
    def pruning(self) -> PruningStudy:
        """The pruning sweep, with the channels."""
        return PruningStudy(self.weights, self.out / "pruning", self.plan.pruning)

    @cached_property
    def latent(self) -> LatentStudy:
        """The latents, scaled and moved."""
        return LatentStudy(self.weights, self.out / "latent", self.plan.latent)

    def conditions(self) -> Mapping[str, object]:
        """Those of the children."""
        return {}

    def children(self) -> Sequence[Study[Summary]]:
        """Pruning and latents."""
        return (self.pruning, self.latent)

    def parts(self) -> Sequence[Part[Any]]:
        """None of its own."""
        return ()

    def run(self, part: Part[Any]) -> Sequence[Row]:
        """There is no part to run."""
        raise NotImplementedError(part.name)

    def page(self) -> WeightSummary:
        """Tables and figures in a folder for each subject, index.html and evidence.json."""
        subject = self.pruning.subject
        record = self.plan.pruning.evidence(
            subject, self.pruning.probe, pruning=vars(self.plan.pruning), latent=vars(self.plan.latent)
        )
        pruning, latent = self.pruning.section(), self.latent.section()
        context = {
            "title": f"Weight study of {subject.file}",
            "file": subject.file,
            "resolution": subject.generator.img_resolution,
            "w_dim": subject.generator.w_dim,
            "networks": weight_sections(subject, Exhibits(self.out / "weights")),
            "pruning": pruning,
            "latent": latent,
            "evidence": record.lines(),
        }
        page = self.out / "index.html"
        write_text(page, render("study_weights.html", context))
        record.write(self.out)
        facts = {**vars(pruning.facts), **vars(latent.facts)}
        return WeightSummary(out=str(self.out), report=str(page), **facts)


@recorded
def study_weights(weights: str, out: Path, plan: WeightPlan, *, workers: int = 1) -> WeightSummary:
    """Do (or finish) the whole study of the weights file `weights` below `out`.

    Raises `CheckpointError` for a file without a generator, `FacePackError` for a pack that is not there.
    """
    if plan.pruning.face_pack is None:
        note("no face pack: what becomes of faces is left out; name one with --pack, see `forensics doctor`")
    return complete(WeightStudy(weights, out, plan), workers=workers)
