"""A channel study as a table, figures and a section of a page; the times of this machine in a folder of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from forensics.core.evidence import evidence, recorded
from forensics.core.files import write_json
from forensics.generators.pruning.channels import RANKINGS
from forensics.images import decode
from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.studies.subject import Subject
from forensics.studies.weights.channel_study import (
    SHARES,
    WHOLE,
    Timing,
    channel_study,
    one_share,
    save_narrowed,
    sheet_path,
    time_channels,
)
from forensics.studies.weights.pruning_sweep import SweepPlan

# Times differ from run to run: what must repeat byte for byte never mentions them.
TIMINGS = "timings"
_TITLES = {
    "feature_distance": "Feature distance to the whole network's images",
    "kid": "KID to the whole network's images",
    "d_probability": "Discriminator: mean probability of real",
    "face_yield": "Share of images with a face",
    "face_similarity": "Similarity to the unpruned face (cosine)",
    "log10_lr": "Detector: mean log10 LR",
}
_COLOURS = dict(zip(RANKINGS, (plots.SERIES[1], plots.SERIES[0], plots.NEUTRAL), strict=True))
_LABELS = {"style": "by style", "norm": "by norm", "random": "at random"}
_SHEET_SHARES = (0.125, 0.25, 0.5)
_GAP_PX = 4


def channels_section(subject: Subject, out: Path, plan: SweepPlan, workers: int) -> dict[str, Any] | None:
    """What a page shows of taking channels out; the study is done, and its files written, on the way. None for a
    network of a kind that cannot lose channels. Times go to `out`/timings, once."""
    rows = channel_study(subject, out, plan, workers=workers)
    if rows is None:
        return None
    exhibits = Exhibits(out)
    exhibits.table("channels", rows, ("ranking", "share", "parameters", "gflop"))
    timings = _timings(subject, out / TIMINGS)
    sizes = {row["share"]: row for row in rows if row["ranking"] in (WHOLE, RANKINGS[0])}
    return {
        "rows": [row for row in rows if row["ranking"] in (WHOLE, RANKINGS[0])],
        "figure": quality(exhibits, "channels", rows),
        "sheet": _sheet(exhibits, out, rows),
        "sheet_shares": [f"{share:g}" for share in (0.0, *_SHEET_SHARES)],
        "whole_gflop": rows[0]["gflop"],
        "has_faces": plan.face_pack is not None,
        "has_detector": plan.detector is not None,
        "has_discriminator": subject.discriminator is not None,
        "images": plan.images,
        "summary": {
            "channels": {f"{share:g}": _brief(row) for share, row in sizes.items() if share},
            "channels_times_as_fast": {
                f"{t['share']:g}": t["times_as_fast"] for t in timings if t["share"] and t["batch"] > 1
            },
        },
    }


@recorded
def channels_out(
    name: str, share: float, ranking: str, plan: SweepPlan, save: Path | None = None
) -> dict[str, Any]:
    """The row of one share, with its time; with `save` the smaller network is written there too, and its evidence
    beside it."""
    saved: dict[str, Any] = {}
    if save is not None:
        saved = save_narrowed(name, share, ranking, save)
        inputs = {"weights": saved.pop("of_sha256")}
        options = {"channels": share, "ranking": ranking, "save": save.name}
        evidence(inputs, options=options).write_beside(save)
    row = one_share(name, share, ranking, plan)
    plain = {key: None if isinstance(v, float) and np.isnan(v) else v for key, v in row.items()}
    return plain | {"ranking": ranking} | saved


def _brief(row: Mapping[str, Any]) -> dict[str, Any]:
    known = ("gflop", "feature_distance", "face_yield")
    return {key: round(row[key], 6) for key in known if key in row}


def _timings(subject: Subject, folder: Path) -> list[dict[str, Any]]:
    """The times in `folder`, taken now if they are not there."""
    import json

    path = folder / "channels.json"
    if not path.is_file():
        found = time_channels(subject)
        rows = [asdict(timing) for timing in found]
        exhibits = Exhibits(folder)
        exhibits.table("channels", rows)
        speed(exhibits, "channels", found)
        write_json(path, rows)
    found_rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found_rows


def quality(exhibits: Exhibits, name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """A panel a measure over the share of channels taken out, a curve a ranking; the arithmetic left in the last."""
    whole = rows[0]
    shown = [
        m for m in _TITLES if m in whole and not np.isnan(float(whole[m] or np.nan if m != "kid" else 0))
    ]
    lines, ticks = -(-(len(shown) + 1) // 2), [0, *(100 * share for share in SHARES)]
    with plots.figure(8.8, 2.3 * lines) as (drawing, _):
        drawing.clear()
        grid = drawing.subplots(lines, 2, squeeze=False)
        for ax in grid.flat[len(shown) + 1 :]:
            ax.set_axis_off()
        for ax, measure in zip(grid.flat, [*shown, "gflop"], strict=False):
            for ranking in RANKINGS if measure != "gflop" else RANKINGS[:1]:
                own = [whole, *(row for row in rows if row["ranking"] == ranking)]
                x = [100 * row["share"] for row in own]
                y = np.array([np.nan if row[measure] is None else row[measure] for row in own], float)
                y = 100 * y / whole["gflop"] if measure == "gflop" else y
                ax.plot(x, y, color=_COLOURS[ranking], marker="o", ms=3, lw=1.4, label=_LABELS[ranking])
            ax.set_title(_TITLES.get(measure, "Arithmetic left (% of the whole network's)"), fontsize=8.5)
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.set_xlim(-2.5, ticks[-1] + 2.5)  # all alike: a measure may have no value at large shares
        for ax in grid[-1]:
            ax.set_xlabel("channels taken out of every layer (%)")
        grid.flat[0].legend(loc="best")
        return exhibits.figure(name, drawing)


def speed(exhibits: Exhibits, name: str, timings: Sequence[Timing]) -> str:
    """How many times as fast, by share, a curve a batch size; bars between the quartiles over the rounds."""
    with plots.figure(5.6, 3.2) as (drawing, (ax,)):
        for colour, batch in zip(plots.SERIES, sorted({t.batch for t in timings}), strict=False):
            own = [t for t in timings if t.batch == batch]
            x = np.array([100 * t.share for t in own])
            y = np.array([t.times_as_fast for t in own])
            low, high = (
                np.array([getattr(t, end) for t in own]) for end in ("quartile_low", "quartile_high")
            )
            ms = f"{own[0].ms_an_image:.1f} ms an image whole"
            label = f"batch of {batch}, {ms}"
            ax.errorbar(x, y, [y - low, high - y], color=colour, marker="o", ms=3.5, lw=1.4, label=label)
        ax.axhline(1, color=plots.NEUTRAL, lw=0.8, ls=(0, (4, 3)))
        ax.set(xlabel="channels taken out of every layer (%)", ylabel="times as fast as the whole network")
        ax.set_ylim(0, None)
        ax.legend(loc="upper left")
        return exhibits.figure(name, drawing)


def _sheet(exhibits: Exhibits, out: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    """The same images: whole, then fewer and fewer channels."""
    chosen = [
        row
        for row in rows
        if row["ranking"] == WHOLE or (row["ranking"] == RANKINGS[0] and row["share"] in _SHEET_SHARES)
    ]
    lines = [decode(sheet_path(out, row)).pixels for row in chosen]
    # each sheet has a border of its own: one between two lines is enough
    joined = np.concatenate([line if i == 0 else line[_GAP_PX:] for i, line in enumerate(lines)])
    exhibits.table("channels-images", chosen, ("ranking", "share", "parameters", "gflop"))
    return exhibits.sheet("channels-images", joined)
