"""The page of a run: curves, histograms, samples, metrics and every option, one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

from forensics.core.files import write_text
from forensics.generators.training.monitoring import curves
from forensics.generators.training.monitoring.artefacts import kimg_of
from forensics.generators.training.monitoring.discriminator_outputs import OutputLog
from forensics.generators.training.monitoring.image_quality import MetricsLog
from forensics.generators.training.monitoring.log import TrainingLog
from forensics.generators.training.trainer import Trainer
from forensics.images import decode
from forensics.report.images import jpeg_uri, thumbnail
from forensics.report.page import render

FILE = "training.html"
_SHEET_PX = 1000
_REJECTED_SHOWN = 100


def write_page(trainer: Trainer, log: TrainingLog, outputs: OutputLog, metrics: MetricsLog) -> Path:
    """Write the page of the run so far into its folder."""
    path = trainer.folder / FILE
    write_text(path, render("training.html", _context(trainer, log, outputs, metrics)))
    return path


def _context(
    trainer: Trainer, log: TrainingLog, outputs: OutputLog, metrics: MetricsLog
) -> dict[str, object]:
    o, images = trainer.options, trainer.images
    drawn = curves.curve_drawers(log.rows)
    if metrics.rows:
        drawn.append(lambda axes: curves.kid_curve(axes, metrics.rows))
    return {
        "title": f"Training of {trainer.folder.name}",
        "kimg": trainer.nimg / 1000,
        "preset": o.preset,
        "architecture": o.network.architecture,
        "resolution": o.network.resolution,
        "n_images": len(images),
        "data_sha256": images.sha256,
        "n_parameters": sum(p.numel() for p in trainer.G.parameters()),
        "n_parameters_d": sum(p.numel() for p in trainer.D.parameters()),
        "last": log.rows[-1] if log.rows else None,
        "speed": log.speed[-1] if log.speed else None,
        "curves": curves.svg_uris(drawn) if log.rows else [],
        "histograms": curves.svg_uris(curves.histogram_drawers(outputs.rows)),
        "sheets": [(f"{kimg_of(p):,g} kimg".replace(",", " "), _sheet(p)) for p in _sheets(trainer)],
        "metrics": metrics.rows,
        "rejected": images.rejected[:_REJECTED_SHOWN],
        "n_rejected": len(images.rejected),
        "options": sorted((name, str(value)) for name, value in o.to_json().items()),
    }


def _sheets(trainer: Trainer) -> list[Path]:
    """The first, the middle and the last sheet of samples."""
    sheets = sorted(trainer.folder.glob("samples-*.png"))
    return [sheets[i] for i in sorted({0, len(sheets) // 2, len(sheets) - 1})] if sheets else []


def _sheet(path: Path) -> str:
    return jpeg_uri(thumbnail(decode(path).pixels, _SHEET_PX), quality=88)
