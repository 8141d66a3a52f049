"""Figures of a run: losses, discriminator outputs and augmentation over time; D(x) against D(G(z)) at three moments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forensics.core.files import replacing
from forensics.generators.training.monitoring.discriminator_outputs import BINS, Histograms, start_middle_end
from forensics.generators.training.monitoring.log import TERMS
from forensics.report import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, object]]  # of training.csv or metrics.csv: column to number, "" for none


def _series(rows: Rows, name: str) -> tuple[np.ndarray, np.ndarray]:
    chosen = [row for row in rows if row.get(name) not in ("", None)]
    x, y = (np.array([float(str(row[column])) for row in chosen]) for column in ("kimg", name))
    return x, y


def _lines(axes: Axes, rows: Rows, names: dict[str, tuple[str, str]], title: str) -> None:
    """`names`: column to (label, colour). A single row is a point, which a line would not show."""
    for name, (label, colour) in names.items():
        x, y = _series(rows, name)
        axes.plot(x, y, color=colour, label=label, marker="o" if len(x) < 3 else None, markersize=3)
    axes.set(title=title, xlabel="kimg")
    axes.legend(loc="best")


def losses(axes: Axes, rows: Rows) -> None:
    """Losses of both networks."""
    colours = {"loss_G": ("G", plots.SYNTHETIC), "loss_D": ("D", plots.AUTHENTIC)}
    _lines(axes, rows, colours, "Loss")


def outputs(axes: Axes, rows: Rows) -> None:
    """Mean outputs of the discriminator while training (augmented images)."""
    colours = {"D_real": ("D(x)", plots.AUTHENTIC), "D_fake": ("D(G(z))", plots.SYNTHETIC)}
    _lines(axes, rows, colours, "Discriminator output")
    axes.set(ylim=(0, 1), ylabel="probability of real")


def augmentation(axes: Axes, rows: Rows) -> None:
    """The probability that ADA works with."""
    _lines(axes, rows, {"augment_p": ("p", plots.NEUTRAL)}, "Augmentation")
    axes.set(ylim=(0, None))


def generator_terms(axes: Axes, rows: Rows) -> None:
    """What the generator learns from beside discriminators, each as a share of what it was at first: 14 and 0.03
    would not go on one axis."""
    named = {
        "glo": ("photographs from codes", plots.SYNTHETIC),
        "matching": ("energy distance, features", plots.AUTHENTIC),
        "identity": ("energy distance, persons", plots.NEUTRAL),
    }
    known = {name: values for name in named if (values := _series(rows, name)[1]).size and values[0]}
    shares = [
        {
            **row,
            **{name: float(str(row[name])) / values[0] for name, values in known.items() if row.get(name)},
        }
        for row in rows
    ]
    _lines(axes, shares, {name: named[name] for name in known}, "Terms of G beside D")
    axes.set(ylim=(0, None), ylabel="of the first")  # from 0: the legend has room below


def kid_curve(axes: Axes, rows: Rows) -> None:
    """KID of the averaged generator."""
    _lines(axes, rows, {"kid": ("KID", plots.SYNTHETIC)}, "KID")


def histogram(axes: Axes, outputs: Histograms) -> None:
    """D(x) and D(G(z)) of the same images and latents at one moment."""
    edges = np.linspace(0, 1, BINS + 1)
    drawn = ((outputs.real, "D(x)", plots.AUTHENTIC), (outputs.fake, "D(G(z))", plots.SYNTHETIC))
    for counts, label, colour in drawn:
        share = 100 * np.array(counts) / max(sum(counts), 1)
        axes.stairs(share, edges, color=colour, fill=True, alpha=0.45, label=label)
        axes.stairs(share, edges, color=colour, lw=1)
    axes.set(title=f"{outputs.kimg:g} kimg", xlabel="probability of real", ylabel="% of images", xlim=(0, 1))
    axes.set_ylim(0, 1.22 * axes.get_ylim()[1])  # room for the legend
    axes.legend(loc="upper center", ncols=2)


def curve_drawers(rows: Rows) -> list[Callable[[Axes], None]]:
    """One drawer an axes, for a training log."""
    drawers = [lambda a: losses(a, rows), lambda a: outputs(a, rows), lambda a: augmentation(a, rows)]
    if any(row.get(name) not in ("", None) for row in rows for name in TERMS):
        drawers.append(lambda a: generator_terms(a, rows))
    return drawers


def histogram_drawers(rows: Sequence[Histograms]) -> list[Callable[[Axes], None]]:
    """One drawer for each of start, middle and end."""
    return [lambda a, row=row: histogram(a, row) for row in start_middle_end(rows)]  # type: ignore[misc]


def write_png(path: Path, drawers: Sequence[Callable[[Axes], None]]) -> None:
    """Draw side by side on white and write atomically."""
    with plots.figure(3.7 * len(drawers), 2.9, columns=len(drawers)) as (drawing, all_axes):
        _draw(all_axes, drawers)
        _save_png(drawing, path)


def svg_uris(drawers: Sequence[Callable[[Axes], None]]) -> list[str]:
    """Each drawn alone, as a data: URI for a page."""
    uris = []
    for drawer in drawers:
        with plots.figure(4.2, 2.9) as (drawing, all_axes):
            _draw(all_axes, [drawer])
            uris.append(plots.svg_uri(drawing))
    return uris


def _draw(all_axes: Sequence[Axes], drawers: Sequence[Callable[[Axes], None]]) -> None:
    for axes, drawer in zip(all_axes, drawers, strict=True):
        drawer(axes)


def _save_png(drawing: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        drawing.savefig(temporary, format="png", dpi=110, facecolor="white", metadata={"Software": None})
