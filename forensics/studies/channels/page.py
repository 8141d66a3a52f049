"""A channel study as a table, figures and a page; the times of this machine in a folder of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from forensics.core.evidence import Evidence
from forensics.core.files import write_text
from forensics.generators.pruning.channels import RANKINGS
from forensics.report.exhibits import Exhibits
from forensics.report.page import percent, render
from forensics.report.rows import IF_MEASURED, Row
from forensics.studies.channels import figures
from forensics.studies.channels.rows import WHOLE, ChannelRow
from forensics.studies.channels.timing import timings_of
from forensics.studies.contract import Summary
from forensics.studies.probes import Probe
from forensics.studies.subject import Subject


@dataclass(frozen=True)
class ChannelBrief(Row):
    """One share in short."""

    gflop: float
    feature_distance: float
    face_yield: float | None = field(default=None, metadata=IF_MEASURED)


@dataclass(frozen=True, kw_only=True)
class ChannelSection:
    """What a page shows of channels taken out; `briefs` and `times_as_fast` by share."""

    headline: str
    rows: Sequence[ChannelRow]
    figure: str
    sheet: str
    sheet_shares: Sequence[str]
    whole_gflop: float
    has_faces: bool
    has_detector: bool
    has_discriminator: bool
    images: int
    briefs: dict[str, ChannelBrief]
    times_as_fast: dict[str, float]


@dataclass(frozen=True)
class ChannelSummary(Summary):
    """The shares in short, and how many times as fast each is."""

    channels: dict[str, ChannelBrief]
    channels_times_as_fast: dict[str, float]

    def lines(self) -> list[str]:
        """The summary for a person."""
        return [*channel_lines(self.channels, self.channels_times_as_fast), f"report: {self.report}"]


def channel_section(
    subject: Subject, probe: Probe, rows: Sequence[ChannelRow], out: Path, images: int
) -> ChannelSection:
    """What a page shows of a finished study; its files are written to `out` on the way, times once."""
    exhibits = Exhibits(out)
    exhibits.table("channels", rows, ("ranking", "share", "parameters", "gflop"))
    timings = timings_of(subject, out)
    by_style = [row for row in rows if row.ranking in (WHOLE, RANKINGS[0])]
    return ChannelSection(
        headline=_headline(by_style),
        rows=by_style,
        figure=figures.quality(exhibits, "channels", rows),
        sheet=figures.sheet(exhibits, rows),
        sheet_shares=[f"{share:g}" for share in (0.0, *figures.SHEET_SHARES)],
        whole_gflop=rows[0].gflop,
        has_faces=probe.faces is not None,
        has_detector=probe.detector is not None,
        has_discriminator=subject.discriminator is not None,
        images=images,
        briefs={f"{row.share:g}": _brief(row) for row in by_style if row.share},
        times_as_fast={f"{t.share:g}": t.times_as_fast for t in timings if t.share and t.batch > 1},
    )


def _headline(rows: Sequence[ChannelRow]) -> str:
    whole, row = rows[0], next(row for row in rows if row.share == 0.25)
    return (
        f"Without a quarter of its channels the network does {percent(row.gflop / whole.gflop, 0)} of the arithmetic, "
        f"and a pixel changes by {row.pixel_change:.1f} grey levels."
    )


def _brief(row: ChannelRow) -> ChannelBrief:
    faces = None if row.face_yield is None else round(row.face_yield, 6)
    return ChannelBrief(round(row.gflop, 6), round(row.feature_distance, 6), faces)


def write_page(section: ChannelSection, subject: Subject, record: Evidence, out: Path) -> ChannelSummary:
    """channels.html and evidence.json in `out`."""
    context = {"title": f"Channels of {subject.file}", "channels": section, "evidence": record.lines()}
    write_text(out / "channels.html", render("channels.html", context))
    record.write(out)
    return ChannelSummary(str(out), str(out / "channels.html"), section.briefs, section.times_as_fast)


def channel_lines(briefs: Mapping[str, ChannelBrief], times_as_fast: Mapping[str, float]) -> list[str]:
    """What taking channels out did, as lines for a terminal."""
    lines = []
    for share, brief in briefs.items():
        faces = "" if brief.face_yield is None else f", faces left {100 * brief.face_yield:.0f} %"
        lines.append(
            f"{100 * float(share):g} % of the channels out: {times_as_fast[share]:.2f} times as fast, feature distance"
            f" {brief.feature_distance:.3f}{faces}"
        )
    return lines
