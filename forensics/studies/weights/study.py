"""`forensics study weights`: statistics, pruning and latents of one weights file, in one folder and one page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from forensics.core.evidence import evidence, recorded
from forensics.core.files import write_text
from forensics.core.terminal import note
from forensics.report.exhibits import Exhibits
from forensics.report.page import render
from forensics.studies.latent.page import latent_section, strongest_lines
from forensics.studies.latent.sweeps import LatentPlan
from forensics.studies.probes import weights_asked
from forensics.studies.subject import load_subject
from forensics.studies.weights.pruning_page import (
    PUBLISHED_WORDS,
    channel_lines,
    comparison_lines,
    pruning_section,
)
from forensics.studies.weights.pruning_sweep import SweepPlan
from forensics.studies.weights.weights_page import weight_sections


@dataclass(frozen=True)
class WeightStudy:
    """The plans of the two parts that have any."""

    pruning: SweepPlan
    latent: LatentPlan


@recorded
def study_weights(name: str, out: Path, study: WeightStudy, *, workers: int = 1) -> dict[str, Any]:
    """Do (or finish) the whole study of the weights file `name` below `out`; returns a summary.

    Raises `CheckpointError` for a file without a generator, `FacePackError` for a pack that is not there.
    """
    subject = load_subject(name, study.pruning.device)
    inputs = {"weights": subject.sha256} | weights_asked(study.pruning.face_pack, study.pruning.detector)
    if study.pruning.face_pack is None:
        note("no face pack: what becomes of faces is left out; name one with --pack, see `forensics doctor`")
    networks = weight_sections(subject, Exhibits(out / "weights"))
    pruning = pruning_section(subject, out / "pruning", study.pruning, workers)
    latent = latent_section(subject, out / "latent", study.latent, workers)
    options = {"pruning": asdict(study.pruning), "latent": asdict(study.latent)}
    record = evidence(inputs, {"latents": study.pruning.seed}, options)
    context = {
        "title": f"Weight study of {subject.file}",
        "file": subject.file,
        "resolution": subject.generator.img_resolution,
        "w_dim": subject.generator.w_dim,
        "networks": networks,
        "pruning": pruning,
        "latent": latent,
        "evidence": record.lines(),
    }
    page = out / "index.html"
    write_text(page, render("study_weights.html", context))
    record.write(out)
    summary = {**pruning["summary"], **latent["summary"], "comparison": comparison_lines(pruning)}
    return {"out": str(out), "report": str(page), **summary}


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """The summary for a terminal: the published run beside this one, the knees, the strongest dimensions."""
    found = {name: "none" if x is None else f"{x:.3f}" for name, x in summary["knees"].items()}
    knees = ", ".join(f"{name} {at}" for name, at in found.items())
    return [
        *summary["comparison"],
        f"knees: {knees} (published: {PUBLISHED_WORDS})",
        *channel_lines(summary),
        *strongest_lines(summary),
        f"report: {summary['report']}",
    ]
