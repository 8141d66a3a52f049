"""What is lost and what is gained as channels are taken out: images against the whole network's, and arithmetic.

Quality repeats from a seed to the last bit and goes into parts; time never does, and stays out of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from forensics.core.cards import Card
from forensics.core.errors import ForensicsError
from forensics.core.evidence import recorded
from forensics.core.files import write_bytes
from forensics.core.registry import register
from forensics.generators.pruning.channels import RANKINGS, can_lose_channels
from forensics.images import contact_sheet, encode_png
from forensics.report.rows import Row
from forensics.studies.channels.narrowing import Narrower, save_narrowed, size_of
from forensics.studies.channels.page import ChannelSection, ChannelSummary, channel_section, write_page
from forensics.studies.channels.rows import WHOLE, ChannelOutcome, ChannelRow, sheet_path
from forensics.studies.channels.timing import SHARES, time_channels
from forensics.studies.contract import Part
from forensics.studies.machine import complete, one_thread
from forensics.studies.measured import ImagePlan, ReferenceImages, SubjectStudy
from forensics.studies.probes import Probe
from forensics.studies.subject import Subject, load_subject, read_subject

_SHEET_IMAGES = 8


@dataclass(frozen=True, kw_only=True)
class ChannelPlan(ImagePlan):
    """The latents, and the probe that is asked."""


@dataclass(frozen=True)
class ChannelPart(Part[ChannelRow]):
    """`share` of the channels taken out in the order of `ranking`; the whole network: ranking "whole", share 0."""

    kind: ClassVar[str] = "channels"
    row: ClassVar[type[Row]] = ChannelRow
    ranking: str
    share: float


@register(
    "study",
    "channels",
    Card(
        "Whole channels taken out of a generator: what it costs its images, and what it saves.",
        paper="rankings after Li et al. 2017, arXiv 1608.08710",
        domain="StyleGAN2 and SrcNet generators",
        defaults={"shares": SHARES, "rankings": RANKINGS, "images": 32},
    ),
)
@dataclass(frozen=True)
class ChannelStudy(SubjectStudy[ChannelSummary]):
    """Every ranking and share of the weights file `weights`, which must be of a kind that can lose channels."""

    title: ClassVar[str] = "channels"
    plan: ChannelPlan

    @cached_property
    def _maker(self) -> ChannelImages:
        return ChannelImages(self.subject, self.plan, self.probe)

    def conditions(self) -> Mapping[str, object]:
        """The plan and the hashes of what it reads. ForensicsError: a network of another kind."""
        checkpoint, network = read_subject(self.weights)
        kind = checkpoint.networks[network]
        if not can_lose_channels(kind):
            raise ForensicsError(
                f"{self.weights}: channels are taken out of StyleGAN2 and SrcNet generators, not of a {kind.kind}"
            )
        return super().conditions()

    def parts(self) -> list[ChannelPart]:
        """The whole network, then every ranking and share."""
        smaller = [ChannelPart(ranking, share) for ranking in RANKINGS for share in SHARES]
        return [ChannelPart(WHOLE, 0.0), *smaller]

    def run(self, part: ChannelPart) -> list[ChannelRow]:  # type: ignore[override]
        """The row of a part; its sheet of images is written first."""
        row, pixels = self._maker.row(part.ranking, part.share)
        sheet = contact_sheet(list(pixels[:_SHEET_IMAGES]), _SHEET_IMAGES)
        write_bytes(sheet_path(self.out, row), encode_png(sheet))
        return [row]

    def table(self) -> list[ChannelRow]:
        """The rows of the finished parts."""
        return self.all_rows(self.parts())

    def section(self) -> ChannelSection:
        """What a page shows of the finished study; tables, figures and times are written on the way."""
        return channel_section(self.subject, self.probe, self.table(), self.out, self.plan.images)

    def page(self) -> ChannelSummary:
        """Tables, figures, channels.html and evidence.json."""
        return write_page(
            self.section(), self.subject, self.plan.evidence(self.subject, self.probe), self.out
        )


class ChannelImages:
    """The smaller networks of one subject, measured against the whole one."""

    def __init__(self, subject: Subject, plan: ImagePlan, probe: Probe | None = None) -> None:
        self.subject = subject
        self.reference = ReferenceImages(subject, plan, probe)
        self.narrower = Narrower(subject)

    def row(self, ranking: str, share: float) -> tuple[ChannelRow, np.ndarray]:
        """Size and measures of the network less `share` of its channels, and its images uint8 [n, h, w, c]."""
        less = self.subject if ranking == WHOLE else self.narrower.subject_less(share, ranking)
        x = less.synthesize(self.reference.ws)
        kid, probed = self.reference.slow_measures(x)
        measured = {**vars(size_of(less.generator)), **vars(self.reference.effect_of(x)), **vars(probed)}
        row = ChannelRow(ranking=ranking, share=share, kid=kid, **measured)
        return row, less.generator.to_uint8(x)


@recorded
def study_channels(weights: str, out: Path, plan: ChannelPlan, *, workers: int = 1) -> ChannelSummary:
    """Do (or finish) the study of the weights file `weights` below `out` and write its page.

    ForensicsError: `out` holds one made otherwise, or the network is of a kind that cannot lose channels.
    """
    return complete(ChannelStudy(weights, out, plan), workers=workers)


def one_share(
    weights: str, share: float, ranking: str, plan: ChannelPlan, save: Path | None = None
) -> ChannelOutcome:
    """The row of one share, as in a study that holds it, with the time of this moment; with `save` the smaller network
    is written there too, and its evidence beside it."""
    file = None if save is None else save_narrowed(weights, share, ranking, save)
    subject = load_subject(weights, plan.device)
    with one_thread():
        row, _ = ChannelImages(subject, plan).row(ranking, share)
    timing = time_channels(subject, (share,))[-1]
    outcome = ChannelOutcome(**vars(row), ms_an_image=timing.ms_an_image, times_as_fast=timing.times_as_fast)
    if file is None:
        return outcome
    return replace(outcome, saved=file.saved, sha256=file.sha256, channels=file.channels)
