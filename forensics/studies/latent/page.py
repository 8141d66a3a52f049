"""A latent study as tables, sheets of images, figures and a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from forensics.core.evidence import Evidence, evidence, recorded
from forensics.core.files import write_bytes, write_text
from forensics.images import contact_sheet, encode_png
from forensics.report.exhibits import Exhibits
from forensics.report.page import render
from forensics.studies.latent import figures as latent_figures
from forensics.studies.latent.effects import ranked, strongest
from forensics.studies.latent.sheets import limit_sheet, scaling_sheet, top_sheet
from forensics.studies.latent.sweeps import (
    FACTORS,
    LADDER,
    SPACES,
    LatentPlan,
    LatentResult,
    MovedLatents,
    latent_study,
    spread_of,
)
from forensics.studies.probes import too_small_for, weights_asked
from forensics.studies.resumable import one_thread
from forensics.studies.subject import Subject, load_subject

_RANKED_SHOWN = 20


@recorded
def write_latent(name: str, out: Path, plan: LatentPlan, *, workers: int = 1) -> dict[str, Any]:
    """Do (or finish) the latent study of the weights file `name` below `out` and write its page; returns a summary."""
    subject = load_subject(name, plan.device)
    record = _record(subject, plan)
    section = latent_section(subject, out, plan, workers)
    context = {"title": f"Latents of {subject.file}", "latent": section}
    page = render("latent.html", context | {"evidence": record.lines()})
    write_text(out / "latent.html", page)
    record.write(out)
    return {"out": str(out), "report": str(out / "latent.html"), **section["summary"]}


def _record(subject: Subject, plan: LatentPlan, **more: Any) -> Evidence:
    inputs = {"weights": subject.sha256} | weights_asked(plan.face_pack, plan.detector)
    options = {key: value for key, value in asdict(plan).items() if key != "seed"}
    return evidence(inputs, {"latents": plan.seed}, options | more)


@recorded
def single_dimensions(name: str, dims: Sequence[int], out: Path, plan: LatentPlan) -> dict[str, Any]:
    """Move `dims` together by the plan's delta, write the images before (top) and after (bottom) as one PNG to `out`,
    the measures as CSV and the evidence beside it, and return the measures and the path."""
    with one_thread():
        moved = MovedLatents(load_subject(name, plan.device), plan)
        record = _record(moved.subject, plan, dims=list(dims))
        ws = moved.ws.clone()
        for dim in dims:
            ws += moved.moved(dim, plan.delta) - moved.ws
        x = moved.subject.synthesize(ws)
        after = moved.subject.generator.to_uint8(x)
        found = moved.effects.measure(x) | moved.opinions.measure(after)
    sheet = contact_sheet([*moved.pixels, *after], plan.images)
    stem = f"dim-{'-'.join(map(str, dims))}-delta{plan.delta:+g}"
    path = out / f"{stem}.png"
    write_bytes(path, encode_png(sheet))
    measured = {k: None if np.isnan(v) else v for k, v in found.items()}
    Exhibits(out).table(stem, [{"dims": " ".join(map(str, dims)), "delta": plan.delta, **measured}])
    record.write_beside(path)
    return {"image": str(path), "dims": list(dims), "delta": plan.delta, **measured}


def latent_section(subject: Subject, out: Path, plan: LatentPlan, workers: int) -> dict[str, Any]:
    """What a page shows of a latent study; the study is done, and its files written, on the way."""
    result = latent_study(subject, out, plan, workers=workers)
    exhibits = Exhibits(out)
    dimensions = ranked(result.dimensions)
    _tables(exhibits, result, dimensions)
    return {
        **_pictures(exhibits, subject, plan, result, dimensions),
        "strongest": strongest(result.dimensions),
        "factors": [f"{f:g}" for f in FACTORS],
        "dimensions": dimensions[:_RANKED_SHOWN],
        "n_dimensions": len(dimensions),
        "delta": plan.delta,
        "spread": float(np.median(spread_of(subject))),
        "images": plan.images,
        "has_faces": plan.face_pack is not None,
        "has_detector": plan.detector is not None,
        "resolution": subject.generator.img_resolution,
        "validated_from_px": too_small_for(plan.detector, subject.generator.img_resolution),
        "losses": _losses(exhibits, dimensions) if plan.face_pack else None,
        "ladder": [f"{step:g}" for step in LADDER],
        "never_lost": sum(row.get("lost_at") is None for row in dimensions),
        "has_discriminator": subject.discriminator is not None,
        "summary": {
            "strongest_dimensions": [row["dim"] for row in dimensions[:10]],
            "strongest": {line["effect"]: line["dims"] for line in strongest(result.dimensions)},
        },
    }


def _tables(exhibits: Exhibits, result: LatentResult, dimensions: Sequence[dict[str, Any]]) -> None:
    exhibits.table("scaling", result.scaling, ("space", "factor", "radius"))
    plain = [{k: v for k, v in row.items() if k != "map"} for row in dimensions]
    exhibits.table("dimensions", plain, ("rank", "dim", "delta_in_sigma", "feature_distance", "pixel_change"))
    maps = [
        {"dim": r["dim"], "row": y, "column": x, "change": v}
        for r in dimensions
        for y, line in enumerate(r["map"])
        for x, v in enumerate(line)
    ]
    exhibits.table("maps", maps)


def _pictures(
    exhibits: Exhibits,
    subject: Subject,
    plan: LatentPlan,
    result: LatentResult,
    dimensions: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Figures and sheets of images, each written beside the table it is drawn from."""
    with one_thread():
        moved = MovedLatents(subject, plan)
        return {
            "scaling_curves": latent_figures.scaling(exhibits, "scaling", result.scaling),
            "sheets": {s: scaling_sheet(exhibits, moved, s, result.scaling) for s in SPACES},
            "ranking": latent_figures.ranking(exhibits, "dimensions", dimensions),
            "maps": latent_figures.maps(exhibits, "maps", dimensions),
            "tops": top_sheet(exhibits, moved, dimensions),
            "limits": limit_sheet(exhibits, moved, result),
        }


def _losses(exhibits: Exhibits, dimensions: Sequence[dict[str, Any]]) -> str | None:
    """The figure of lost faces; None where the unchanged images hold none to lose."""
    if all(row["lost_at"] == 0 for row in dimensions):
        return None
    shares = latent_figures.shares_lost(dimensions)
    exhibits.table("faces-lost", shares)
    return latent_figures.faces_lost(exhibits, "faces-lost", shares)


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """A summary of `write_latent` or `single_dimensions` as lines for a terminal."""
    if "image" in summary:
        return [f"{k:<18}{v}" for k, v in summary.items()]
    return [*strongest_lines(summary), f"report: {summary['report']}"]


def strongest_lines(summary: dict[str, Any]) -> list[str]:
    """The dimensions of w with most of each effect, a line an effect."""
    return [
        f"dimensions of w with most effect, by {effect}: {', '.join(map(str, dims))}"
        for effect, dims in summary["strongest"].items()
    ]
