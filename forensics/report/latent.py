"""A latent study as tables, sheets of images, figures and a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from forensics.evidence import evidence, write_evidence
from forensics.files import write_bytes, write_text
from forensics.generators.interrogate.latent import (
    FACTORS,
    LADDER,
    PUBLISHED_DIMENSIONS,
    SPACES,
    LatentPlan,
    LatentResult,
    MovedLatents,
    latent_study,
    spread_of,
)
from forensics.generators.interrogate.opinions import weights_asked
from forensics.generators.interrogate.resumable import one_thread
from forensics.generators.interrogate.subject import Subject, load_subject
from forensics.images import contact_sheet, encode_png
from forensics.report import latent_figures
from forensics.report.examination import evidence_lines
from forensics.report.exhibits import Exhibits
from forensics.report.page import render

_LIMITS = (20.0, 100.0, 1000.0)  # the study's figure 22
_SHEET_IMAGES, _TOP_ROWS, _LIMIT_COLUMNS, _RANKED_SHOWN = 8, 8, 8, 20


def write_latent(name: str, out: Path, plan: LatentPlan, *, workers: int = 1) -> dict[str, Any]:
    """Do (or finish) the latent study of the weights file `name` below `out` and write its page; returns a summary."""
    subject = load_subject(name, plan.device)
    record = _record(subject, plan)
    section = latent_section(subject, out, plan, workers)
    context = {"title": f"Latents of {subject.file}", "latent": section}
    page = render("latent.html", context | {"evidence": evidence_lines(evidence(*record))})
    write_text(out / "latent.html", page)
    write_evidence(out, *record)
    return {"out": str(out), "report": str(out / "latent.html"), **section["summary"]}


def _record(
    subject: Subject, plan: LatentPlan
) -> tuple[list[str], dict[str, str], dict[str, int], dict[str, Any]]:
    inputs = {"weights": subject.sha256} | weights_asked(plan.face_pack, plan.detector)
    options = {key: value for key, value in asdict(plan).items() if key != "seed"}
    return ["forensics", "latent", subject.file], inputs, {"latents": plan.seed}, options


def single_dimensions(name: str, dims: Sequence[int], out: Path, plan: LatentPlan) -> dict[str, Any]:
    """Move `dims` together by the plan's delta, write the images before (top) and after (bottom) as one PNG to `out`,
    and return the measures and the path."""
    with one_thread():
        moved = MovedLatents(load_subject(name, plan.device), plan)
        ws = moved.ws.clone()
        for dim in dims:
            ws += moved.moved(dim, plan.delta) - moved.ws
        x = moved.subject.synthesize(ws)
        after = moved.subject.generator.to_uint8(x)
        found = moved.effects.measure(x) | moved.opinions.measure(after)
    sheet = contact_sheet([*moved.pixels, *after], plan.images)
    path = out / f"dim-{'-'.join(map(str, dims))}-delta{plan.delta:+g}.png"
    write_bytes(path, encode_png(sheet))
    measured = {k: None if np.isnan(v) else v for k, v in found.items()}
    return {"image": str(path), "dims": list(dims), "delta": plan.delta, **measured}


def latent_section(subject: Subject, out: Path, plan: LatentPlan, workers: int) -> dict[str, Any]:
    """What a page shows of a latent study; the study is done, and its files written, on the way."""
    result = latent_study(subject, out, plan, workers=workers)
    exhibits = Exhibits(out)
    dimensions = [{"rank": i + 1, **row} for i, row in enumerate(result.dimensions)]
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
    with one_thread():
        moved = MovedLatents(subject, plan)
        sheets = {space: _scaling_sheet(exhibits, moved, space) for space in SPACES}
        tops, limits = _top_sheet(exhibits, moved, result), _limit_sheet(exhibits, moved, result)
    spread = spread_of(subject)
    return {
        "scaling": result.scaling,
        "scaling_curves": latent_figures.scaling(exhibits, "scaling-curves", result.scaling),
        "sheets": sheets,
        "factors": [f"{f:g}" for f in FACTORS],
        "ranking": latent_figures.ranking(exhibits, "ranking", dimensions),
        "maps": latent_figures.maps(exhibits, "where", dimensions),
        "dimensions": dimensions[:_RANKED_SHOWN],
        "n_dimensions": len(dimensions),
        "tops": tops,
        "limits": limits,
        "delta": plan.delta,
        "spread": float(np.median(spread)),
        "images": plan.images,
        "has_faces": plan.face_pack is not None,
        "has_detector": plan.detector is not None,
        "losses": latent_figures.faces_lost(exhibits, "faces-lost", dimensions) if plan.face_pack else None,
        "ladder": [f"{step:g}" for step in LADDER],
        "never_lost": sum(row.get("lost_at") is None for row in dimensions),
        "has_discriminator": subject.discriminator is not None,
        "summary": {"strongest_dimensions": [row["dim"] for row in dimensions[:10]]},
    }


def _scaling_sheet(exhibits: Exhibits, moved: MovedLatents, space: str) -> str:
    """A row a factor, the same latents in each."""
    n = min(_SHEET_IMAGES, moved.plan.images)
    images = [image for f in FACTORS for image in moved.pixels_of(moved.scaled(space, f)[:n])]
    name = space.replace(" ", "").replace("-", "-minus-")
    return exhibits.sheet(f"scaling-{name}", contact_sheet(images, n))


def _top_sheet(exhibits: Exhibits, moved: MovedLatents, result: LatentResult) -> dict[str, Any]:
    """For the dimensions with most effect a row: four latents, each less delta, unchanged, plus delta."""
    dims = [row["dim"] for row in result.dimensions[:_TOP_ROWS]]
    n = min(4, moved.plan.images)
    images = []
    for dim in dims:
        less, more = (moved.pixels_of(moved.moved(dim, s * moved.plan.delta)[:n]) for s in (-1, 1))
        images += [image for i in range(n) for image in (less[i], moved.pixels[i], more[i])]
    return {"uri": exhibits.sheet("dimensions", contact_sheet(images, 3 * n)), "dims": dims}


def _limit_sheet(exhibits: Exhibits, moved: MovedLatents, result: LatentResult) -> dict[str, Any]:
    """The study's figure of too large deltas: unchanged, then + 20, + 100 and + 1000, a column a dimension."""
    known = [dim for dim in PUBLISHED_DIMENSIONS if dim < moved.ws.shape[2]]
    ranked = [row["dim"] for row in result.dimensions if row["dim"] not in known]
    dims = (known + ranked)[:_LIMIT_COLUMNS]
    rows = [[moved.pixels[0]] * len(dims)]
    rows += [[moved.pixels_of(moved.moved(dim, delta)[:1])[0] for dim in dims] for delta in _LIMITS]
    sheet = contact_sheet([image for row in rows for image in row], len(dims))
    return {"uri": exhibits.sheet("limits", sheet), "dims": dims, "published": known}


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """A summary of `write_latent` or `single_dimensions` as lines for a terminal."""
    if "image" in summary:
        return [f"{k:<18}{v}" for k, v in summary.items()]
    strongest = ", ".join(map(str, summary["strongest_dimensions"]))
    return [f"dimensions of w with most effect: {strongest}", f"report: {summary['report']}"]
