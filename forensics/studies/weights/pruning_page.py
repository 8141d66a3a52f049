"""A pruning sweep as tables, figures and a page, beside the published run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from forensics.core.evidence import Evidence, evidence, recorded
from forensics.core.files import write_text
from forensics.generators.pruning.weights import weight_layers
from forensics.images import contact_sheet, decode
from forensics.report.exhibits import Exhibits
from forensics.report.page import render
from forensics.studies.probes import too_small_for, weights_asked
from forensics.studies.resumable import one_thread
from forensics.studies.subject import Subject, load_subject
from forensics.studies.weights import pruning_figures
from forensics.studies.weights.channel_page import channels_section
from forensics.studies.weights.knee import METHOD, Knee, knee
from forensics.studies.weights.pruning_sweep import (
    GRID_COLUMNS,
    GRID_GAP_PX,
    PrunedImages,
    SweepPlan,
    SweepResult,
    grid_path,
    pruning_sweep,
)

# Laubmann & Reschke 2025 (arXiv 2507.13722), section VI.B and figures 13 and 14: SrcNet at 128 px, CelebA.
PUBLISHED = {0.0: (3_680_500, 0.3818), 0.4: (None, 0.3598), 1.0: (1_218_002, 0.2493)}
PUBLISHED_ROWS = (0.0, 0.3, 0.4, 0.5, 0.7, 1.0)  # of its figure of images
PUBLISHED_WORDS = "knee near 0.4, read off the curve"


@recorded
def write_pruning(name: str, out: Path, plan: SweepPlan, *, workers: int = 1) -> dict[str, Any]:
    """Do (or finish) the sweep of the weights file `name` below `out` and write its page; returns a summary."""
    subject = load_subject(name, plan.device)
    record = _record(subject, plan)  # first: a face pack or detector that is not there is known at once
    section = pruning_section(subject, out, plan, workers)
    context = {"title": f"Pruning of {subject.file}", "pruning": section}
    page = render("pruning.html", context | {"evidence": record.lines()})
    write_text(out / "pruning.html", page)
    record.write(out)
    lines = comparison_lines(section)
    return {"out": str(out), "report": str(out / "pruning.html"), "comparison": lines, **section["summary"]}


def single_threshold(name: str, threshold: float, plan: SweepPlan) -> dict[str, Any]:
    """The row of one threshold, with KID and opinions: the same numbers as in a sweep that holds it."""
    with one_thread():
        pruned = PrunedImages(load_subject(name, plan.device), plan)
        rows, x = pruned.rows([threshold], plan.space)
        return {key: _or_none(value) for key, value in (rows[0] | pruned.slow_measures(x)).items()}


def _record(subject: Subject, plan: SweepPlan) -> Evidence:
    inputs = {"weights": subject.sha256} | weights_asked(plan.face_pack, plan.detector)
    options = {key: value for key, value in asdict(plan).items() if key != "seed"}
    return evidence(inputs, {"latents": plan.seed}, options)


def pruning_section(subject: Subject, out: Path, plan: SweepPlan, workers: int) -> dict[str, Any]:
    """What a page shows of a sweep; the sweep is done, and its tables and figures written, on the way."""
    result = pruning_sweep(subject, out, plan, workers=workers)
    exhibits = Exhibits(out)
    knees = {
        name: knee(
            pruning_figures.column(result.sweep, "threshold"), pruning_figures.column(result.sweep, name)
        )
        for name in pruning_figures.known_curves(result.sweep)
        if name != "nonzero"
    }
    _tables(exhibits, result, knees)
    heat = {
        kind: pruning_figures.fragility(exhibits, f"{kind}s", rows, kind, "feature_distance")
        for kind, rows in (("layer", result.layers), ("block", result.blocks))
    }
    channels = channels_section(subject, out / "channels", plan, workers)
    return {
        "curves": pruning_figures.curves(exhibits, "sweep", result.sweep, knees),
        "heat": heat,
        "strip": _strip(exhibits, out, plan, result),
        "knees": _knee_lines(knees),
        "method": METHOD,
        "comparison": comparison(result.sweep, knees),
        "every": plan.every,
        "n": len(result.sweep),
        "images": plan.images,
        "opinions": plan.face_pack is not None or plan.detector is not None,
        "space": plan.space,
        "resolution": subject.generator.img_resolution,
        "validated_from_px": too_small_for(plan.detector, subject.generator.img_resolution),
        "has_discriminator": subject.discriminator is not None,
        "hardly_pruned": _hardly_pruned(subject, plan.stop),
        "channels": channels,
        "summary": _summary(result, knees) | (channels["summary"] if channels else {}),
    }


def _tables(exhibits: Exhibits, result: SweepResult, knees: dict[str, Knee | None]) -> None:
    exhibits.table("sweep", result.sweep, ("threshold", "nonzero", "share_left", "d_probability"))
    exhibits.table("layers", result.layers, ("layer", "sigmas", "count", "nonzero", "share_left"))
    exhibits.table("blocks", result.blocks, ("block", "sigmas", "count", "nonzero", "share_left"))
    rows = [{"curve": k, **(asdict(v) if v else {"x": "", "y": "", "bend": ""})} for k, v in knees.items()]
    exhibits.table("knees", [{**row, "method": METHOD} for row in rows])


def _summary(result: SweepResult, knees: dict[str, Knee | None]) -> dict[str, Any]:
    first, last = result.sweep[0], result.sweep[-1]
    return {
        "nonzero_at_start": first["nonzero"],
        "nonzero_at_end": last["nonzero"],
        "d_probability_at_start": _or_none(first["d_probability"]),
        "d_probability_at_end": _or_none(last["d_probability"]),
        "knees": {name: found.x if found else None for name, found in knees.items()},
    }


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def _knee_lines(knees: dict[str, Knee | None]) -> list[dict[str, Any]]:
    return [{"title": pruning_figures.CURVES[name][0], "knee": found} for name, found in knees.items()]


def _hardly_pruned(subject: Subject, stop: float) -> list[str]:
    """Layers that are stored so large (a learning rate multiplier) that thresholds up to `stop` leave 9 in 10."""
    layers = weight_layers(subject.generator)
    return [layer.name for layer in layers if float((layer.stored.abs() >= stop).double().mean()) > 0.9]


def comparison(rows: Sequence[dict[str, Any]], knees: dict[str, Knee | None]) -> list[dict[str, Any]]:
    """Published and measured, at the published thresholds that the sweep holds."""
    by_threshold = {row["threshold"]: row for row in rows}
    lines = []
    for threshold, (count, probability) in PUBLISHED.items():
        row = by_threshold.get(threshold)
        lines.append(
            {
                "threshold": threshold,
                "published_nonzero": count,
                "published_left": None if count is None else count / 3_680_500,
                "published_d": probability,
                "nonzero": row["nonzero"] if row else None,
                "left": row["nonzero"] / rows[0]["nonzero"] if row else None,
                "d": _or_none(row["d_probability"]) if row else None,
            }
        )
    return lines


def _strip(exhibits: Exhibits, out: Path, plan: SweepPlan, result: SweepResult) -> dict[str, Any]:
    """The first images at the thresholds of the study's figure, or at those with grids that are nearest."""
    grids = plan.thresholds[:: plan.every]
    chosen = sorted({min(grids, key=lambda g: abs(g - wanted * plan.stop)) for wanted in PUBLISHED_ROWS})
    rows = [_first_row(out, threshold, min(GRID_COLUMNS, plan.images)) for threshold in chosen]
    sheet = contact_sheet([image for row in rows for image in row], len(rows[0]), GRID_GAP_PX)
    exhibits.table("strip", [row for row in result.sweep if row["threshold"] in chosen])
    return {"uri": exhibits.sheet("strip", sheet), "thresholds": [f"{t:g}" for t in chosen]}


def _first_row(out: Path, threshold: float, n: int) -> list[np.ndarray]:
    pixels = decode(grid_path(out, threshold)).pixels
    side = (pixels.shape[1] - GRID_GAP_PX) // n - GRID_GAP_PX
    left = [GRID_GAP_PX + i * (side + GRID_GAP_PX) for i in range(n)]
    return [pixels[GRID_GAP_PX : GRID_GAP_PX + side, x : x + side] for x in left]


def comparison_lines(section: dict[str, Any]) -> list[str]:
    """The comparison with the published run as lines for a terminal."""
    lines = [f"{'threshold':>9}  {'published':>22}  {'here':>30}"]
    for row in section["comparison"]:
        left = "" if row["published_left"] is None else f"{100 * row['published_left']:.1f} % left, "
        mine = "not in this sweep" if row["left"] is None else f"{100 * row['left']:.1f} % left"
        mine += "" if row["d"] is None else f", D {100 * row['d']:.2f} %"
        lines.append(
            f"{row['threshold']:>9g}  {left + format(100 * row['published_d'], '.2f'):>20} %  {mine:>30}"
        )
    return lines


def channel_lines(summary: dict[str, Any]) -> list[str]:
    """What taking channels out did, as lines for a terminal; none where none were."""
    lines = []
    for share, row in summary.get("channels", {}).items():
        faces = f", faces left {100 * row['face_yield']:.0f} %" if "face_yield" in row else ""
        lines.append(
            f"{100 * float(share):g} % of the channels out: {summary['channels_times_as_fast'][share]:.2f} times as "
            f"fast, feature distance {row['feature_distance']:.3f}{faces}"
        )
    return lines


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """A summary of `write_pruning`, or a row of `single_threshold` or `channels_out`, as lines for a terminal."""
    if "comparison" not in summary:
        return [f"{key:<18}{_in_words(value)}" for key, value in summary.items()]
    found = {name: "none" if x is None else f"{x:.3f}" for name, x in summary["knees"].items()}
    knees = ", ".join(f"{name} {at}" for name, at in found.items())
    return [
        *summary["comparison"],
        f"knees: {knees} (published: {PUBLISHED_WORDS})",
        *channel_lines(summary),
        f"report: {summary['report']}",
    ]


def _in_words(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return value if isinstance(value, str) else format(value, ".6g")
