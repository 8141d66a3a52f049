"""The drawing of a network's faces as a tree, twice: by step and by cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from forensics.report import plots
from forensics.report.exhibits import Exhibits
from forensics.studies.walks.tree import FaceTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Of even lightness, so that first and last steps stand out alike on a white and on a black page.
_STEPS = ("#1f7099", "#5a62b0", "#b0528e", "#c8552c", "#d9952b")
_STEP_COLOURS = 10
_CLUSTERS = (*plots.SERIES[:5], *plots.SERIES[6:])
_LONGEST_NAMED, _CLUSTERS_NAMED = 8, 12


def draw(exhibits: Exhibits, name: str, tree: FaceTree, images: np.ndarray, length: int) -> str:
    """The tree of `images` (image i is step i % length of walk i // length) twice: coloured by step, with the longest
    edges numbered, and by cluster (grey: in none), with the walk's number at the end of each."""
    walk, step = np.divmod(images, length)
    with plots.figure(8.8, 5.0, 2) as (drawing, (left, right)):
        _by_step(drawing, left, tree, step, length)
        _by_cluster(right, tree)
        _name_ends(right, tree, walk)
        left.set_title("Every edge coloured by the step it leads to; dots: starts")
        right.set_title(f"By cluster ({tree.n_clusters}); the walks at their ends")
        for ax in (left, right):
            # The view widens, not the axes narrow: a slim tree must not cut its title off.
            ax.set_aspect("equal", adjustable="datalim")
            ax.set_axis_off()
        plots.legend_below(drawing, right, columns=7)
        return exhibits.figure(name, drawing)


def _by_step(drawing: Figure, ax: Axes, tree: FaceTree, step: np.ndarray, length: int) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    bins = min(_STEP_COLOURS, length)
    colours = LinearSegmentedColormap.from_list("steps", _STEPS, N=bins)
    which = np.minimum(step * bins // length, bins - 1)
    for k in range(bins):
        _branches(ax, tree, which == k, colours(k), 1.0)
    bar = drawing.colorbar(
        ScalarMappable(Normalize(0, length), colours),
        ax=ax,
        location="bottom",
        shrink=0.6,
        aspect=40,
        pad=0.01,
    )
    bar.set_label("position in the walk")
    bar.outline.set_visible(False)
    ax.plot(*tree.places[step == 0].T, "o", color=plots.INK, ms=3)
    _name_longest(ax, tree)


def _by_cluster(ax: Axes, tree: FaceTree) -> None:
    """A colour a cluster, each with its number of faces in the key."""
    in_none = int((tree.cluster < 0).sum())
    if in_none:
        _branches(ax, tree, tree.cluster < 0, plots.NEUTRAL, 0.7, f"none: {in_none}")
    for k in range(tree.n_clusters):
        count = int((tree.cluster == k).sum())
        label = f"cluster {k + 1}: {count}" if k < _CLUSTERS_NAMED else ""
        _branches(ax, tree, tree.cluster == k, _CLUSTERS[k % len(_CLUSTERS)], 1.2, label)


def _branches(
    ax: Axes, tree: FaceTree, chosen: np.ndarray, colour: object, width: float, label: str = ""
) -> None:
    """The edges from the `chosen` nodes to their parents as one line with gaps: a tenth of the file."""
    nodes = np.flatnonzero(chosen & (tree.parent >= 0))
    if len(nodes):
        gaps = np.full((len(nodes), 2), np.nan)
        points = np.stack([tree.places[tree.parent[nodes]], tree.places[nodes], gaps], axis=1)
        ax.plot(*points.reshape(-1, 2).T, color=colour, lw=width, label=label or None)


def _name_longest(ax: Axes, tree: FaceTree) -> None:
    # The longest last: its number is not to lie under others.
    for i, (node, parent, _) in reversed([*enumerate(tree.longest(_LONGEST_NAMED), 1)]):
        middle = (tree.places[node] + tree.places[parent]) / 2
        ax.annotate(
            str(i),
            tuple(middle),
            fontsize=7,
            ha="center",
            va="center",
            bbox={
                "boxstyle": "circle,pad=0.15",
                "fc": "#ffffff",
                "ec": plots.MUTED,
                "lw": 0.5,
                "alpha": 0.85,
            },
            color="#24262b",
        )


def _name_ends(ax: Axes, tree: FaceTree, walk: np.ndarray) -> None:
    """The walk's number a little beyond its last face, seen from the root."""
    beyond = 0.045 * float(np.ptp(tree.places, axis=0).max())
    for k in np.unique(walk):
        last = tree.places[np.flatnonzero(walk == k)[-1]]
        away = last / max(float(np.linalg.norm(last)), 1e-12)
        x, y = last + beyond * away
        ax.text(x, y, str(k), fontsize=7.5, ha="center", va="center", color=plots.MUTED)
