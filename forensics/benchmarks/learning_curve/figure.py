"""The figure of a learning curve: AUC against training images, with what a power law makes of more of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forensics.benchmarks.learning_curve.curve import CurveMean, power_law
from forensics.report import plots

_FURTHER = 4.0  # how far the dashed line goes beyond the largest training set


def figure(means: Sequence[CurveMean], kind: str) -> bytes:
    """SVG: a line a part, bars are bootstrap 95 % intervals of the mean over seeds, dashed is extrapolated.

    A part whose error does not fall at every step is not extrapolated.
    """
    with plots.figure(6.4, 4.0) as (drawing, (axes,)):
        parts = list(dict.fromkeys(m.part for m in means))
        for k, (part, colour) in enumerate(zip(parts, plots.SERIES, strict=False)):
            of_part = [m for m in means if m.part == part]
            n = np.array([m.size for m in of_part]) * (1 + 0.015 * (k - len(parts) / 2))  # bars side by side
            auc = np.array([m.auc for m in of_part])
            spread = np.maximum(
                [auc - [m.low for m in of_part], np.array([m.high for m in of_part]) - auc], 0
            )
            label = f"{part}, n = {of_part[0].n_authentic} + {of_part[0].n_synthetic}"
            axes.errorbar(
                n, auc, yerr=spread, color=colour, marker="o", ms=4, lw=1.4, elinewidth=1, label=label
            )
            if (law := power_law(of_part)) is not None:
                more = np.geomspace(of_part[-1].size, _FURTHER * of_part[-1].size, 30)
                axes.plot(more, 1 - law[0] * more ** -law[1], color=colour, lw=1, ls=(0, (4, 3)))
        ticks = sorted({m.size for m in means})
        axes.set_xscale("log", base=2)
        axes.set_xticks([*ticks, _FURTHER * ticks[-1]], [*map(str, ticks), f"{_FURTHER * ticks[-1]:g}"])
        axes.set(xlabel="training images", ylabel="AUC on the test pool", ylim=(None, 1.003))
        axes.set_title(f"{kind}: what more images give (dashed: power law, not measured)")
        drawing.legend(loc="outside lower center", ncols=2)
        return plots.svg(drawing)
