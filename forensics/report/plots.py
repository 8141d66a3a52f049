"""One look for every figure: quiet axes, the page's two colours, and text that follows the reader's light or dark.

A figure is drawn inside `figure(...)` and taken out as SVG by `svg_uri`. Ink and rule colours are placeholders that
become CSS variables in the file, so the same picture is legible on a white and on a black page. Equal data give equal
bytes: no date, no random ids.
"""

from __future__ import annotations

import io
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
