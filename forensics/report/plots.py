"""One look for every figure: quiet axes, the page's two colours, and text that follows the reader's light or dark.

A figure is drawn inside `figure(...)` and taken out as SVG by `svg_uri`. Ink and rule colours are placeholders that
become CSS variables in the file, so the same picture is legible on a white and on a black page. Equal data give equal
bytes: no date, no random ids.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from forensics.report.page import data_uri

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, RULE = "#24262a", "#6d7178", "#dcdad4"
SYNTHETIC, AUTHENTIC, NEUTRAL = "#c25a1c", "#1f7099", "#85888d"
# for more than two curves; told apart without colour vision too (Okabe & Ito 2008, darkened)
SERIES = ("#1f7099", "#c25a1c", "#0a8f6c", "#b0528e", "#a5861a", "#6d7178", "#5a4fb0", "#8a4b2a")

_DARK = {INK: "#e6e4df", MUTED: "#a2a5ab", RULE: "#3c3f44"}
_NAMES = {INK: "ink", MUTED: "muted", RULE: "rule"}

_STYLE: dict[str, Any] = {
    "svg.hashsalt": "forensics",
    "svg.fonttype": "none",  # text as text: a third of the size, can be searched and read aloud
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana"],  # of equal widths; one of them is on nearly every machine
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.titlecolor": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


_PATH = re.compile(r' d="[^"]*"')
_DECIMALS = re.compile(r"(\.\d\d)\d+")


@contextmanager
def figure(
    width_in: float = 4.6, height_in: float = 3.2, columns: int = 1
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure in this project's style and its axes side by side; call `svg_uri` before the block ends."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        drawing = Figure(figsize=(width_in, height_in), layout="constrained")
        axes = drawing.subplots(1, columns, squeeze=False)[0]
        yield drawing, list(axes)


def svg(drawing: Figure) -> bytes:
    """The figure as SVG whose ink follows light and dark; to be called inside its `figure(...)` block."""
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue().decode("utf-8")
    text = text[text.index("<svg") :]
    for colour, name in _NAMES.items():
        text = text.replace(colour, f"var(--{name})")
    light = "".join(f"--{name}:{colour};" for colour, name in _NAMES.items())
    dark = "".join(f"--{name}:{_DARK[colour]};" for colour, name in _NAMES.items())
    # A hundredth of a point is enough; matplotlib writes six decimals, half of the file.
    text = _PATH.sub(lambda found: _DECIMALS.sub(r"\1", found[0]), text)
    style = f"<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    start = text.index(">") + 1
    return (text[:start] + style + text[start:]).encode("utf-8")


def svg_uri(drawing: Figure) -> str:
    """The figure as a data: URI."""
    return data_uri(svg(drawing), "image/svg+xml")


def panels(drawing: Figure, count: int, columns: int = 2, **options: Any) -> list[Axes]:
    """`count` axes in rows of `columns`, instead of those the figure has; a last row that is short is as wide as the
    others, so that no half of it is blank."""
    drawing.clear()
    columns = max(1, min(columns, count))
    lines = -(-count // columns)
    last = count - columns * (lines - 1)
    wide = math.lcm(columns, last)
    grid = drawing.add_gridspec(lines, wide)
    axes: list[Axes] = []
    for k in range(count):
        line, place = divmod(k, columns)
        span = wide // (columns if line < lines - 1 else last)
        shared = {name: axes[0] for name in options if axes and options[name]}
        axes.append(drawing.add_subplot(grid[line, place * span : (place + 1) * span], **shared))
    return axes


def legend_above(drawing: Figure, axes: Axes, columns: int = 4) -> None:
    """The legend of `axes` above all panels, where no curve can run through it."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        drawing.legend(handles, labels, loc="outside upper left", ncols=min(columns, len(handles)))


def legend_below(drawing: Figure, axes: Axes, columns: int = 4) -> None:
    """The legend of `axes` below all panels."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        drawing.legend(handles, labels, loc="outside lower left", ncols=min(columns, len(handles)))
