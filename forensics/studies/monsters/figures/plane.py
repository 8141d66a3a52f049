"""The map of face scores over the plane of the first two principal components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.studies.monsters.figures.axes import DASHES
from forensics.studies.monsters.rows import MapRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh


def plane(
    exhibits: Exhibits, name: str, rows: Sequence[MapRow], threshold: float, deviations: Sequence[float]
) -> str:
    """Face score over the plane (map.csv), with the outline of where latents of z lie: twice their standard
    deviations."""
    turn = np.linspace(0, 2 * np.pi, 181)
    with plots.figure(6.4, 5.2) as (drawing, (axes,)):
        cells = _cells(axes, rows, threshold)
        bar = drawing.colorbar(cells, ax=axes, shrink=0.8)
        bar.set_label("face score; grey: no face")
        bar.outline.set_visible(False)
        axes.plot(np.cos(turn), np.sin(turn), color=plots.INK, lw=0.9, ls=DASHES)
        axes.plot(2 * deviations[0] * np.cos(turn), 2 * deviations[1] * np.sin(turn), color="white", lw=1.1)
        axes.set_aspect("equal")
        axes.grid(visible=False)
        axes.set(xlabel="first component, radii", ylabel="second component, radii")
        axes.set_title("Face score in the plane of two components")
        return exhibits.figure(name, drawing)


def _cells(axes: Axes, rows: Sequence[MapRow], threshold: float) -> QuadMesh:
    """A cell an image: those with a face in colour, the others in grey."""
    angles, rings = (sorted({getattr(row, key) for row in rows}) for key in ("angle", "radius"))
    scores = {(row.angle, row.radius): row.score for row in rows}
    values = np.array([[scores[a, r] for a in angles] for r in rings])
    half = 180 / len(angles)
    theta = np.deg2rad([*(a - half for a in angles), 360 - half])
    # A cell reaches half way to the next ring; those of the first ring, to the middle.
    rho = np.concatenate([[0.0], np.array(rings) + rings[0] / 2])
    x, y = np.outer(rho, np.cos(theta)), np.outer(rho, np.sin(theta))
    is_face = values >= threshold
    # else viewers show the page between cells
    seams: dict[str, Any] = {"edgecolor": "face", "lw": 0.25}
    grey, coloured = np.ma.masked_where(is_face, values), np.ma.masked_where(~is_face, values)
    axes.pcolormesh(x, y, grey, cmap="Greys", vmin=-1.4, vmax=6, **seams)
    return axes.pcolormesh(x, y, coloured, vmin=threshold, vmax=1, **seams)
