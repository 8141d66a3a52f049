"""The rows of a channel study."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from forensics.report.rows import IF_MEASURED
from forensics.studies.channels.narrowing import SizeRow
from forensics.studies.effects import EffectRow
from forensics.studies.probes import ProbeRow

WHOLE = "whole"


@dataclass(frozen=True, kw_only=True)
class ChannelRow(ProbeRow, EffectRow, SizeRow):
    """The network less `share` of its channels, least important first by `ranking`: size, and what becomes of the
    images; the whole network is ranking "whole", share 0."""

    ranking: str
    share: float
    kid: float


@dataclass(frozen=True, kw_only=True)
class ChannelOutcome(ChannelRow):
    """One share asked for alone: its row, its time, and the file it was saved in, if any."""

    ms_an_image: float
    times_as_fast: float
    saved: str | None = field(default=None, metadata=IF_MEASURED)
    sha256: str | None = field(default=None, metadata=IF_MEASURED)
    channels: dict[str, int] | None = field(default=None, metadata=IF_MEASURED)


def sheet_path(out: Path, row: ChannelRow) -> Path:
    """Where the images of a row are."""
    name = WHOLE if row.ranking == WHOLE else f"{row.ranking}-{row.share:g}"
    return out / "grids" / f"channels-{name}.png"
