"""What a study leaves beside its page: each figure as SVG and PNG, each table as CSV, each sheet of images as PNG.

Equal data give equal bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forensics.core.files import write_bytes, write_text
from forensics.images import encode_png
from forensics.report import plots
from forensics.report.images import Pixels, jpeg_uri, thumbnail
from forensics.report.page import data_uri
from forensics.report.rows import Row, columns_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 160
_SHEET_PX = 1100


class Exhibits:
    """The files of one study in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table(self, name: str, rows: Sequence[Row], first: Sequence[str] = ()) -> None:
        """Write `rows` to `name`.csv; columns are the fields of the rows, those of `first` before the others."""
        columns = columns_of(rows, first)
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.cells().items()} for row in rows)
        write_text(self.folder / f"{name}.csv", buffer.getvalue())

    def figure(self, name: str, drawing: Figure) -> str:
        """Write `name`.svg and `name`.png and return the SVG as a data: URI; inside `plots.figure(...)` only."""
        buffer = io.BytesIO()
        drawing.savefig(buffer, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
        write_bytes(self.folder / f"{name}.png", buffer.getvalue())
        data = plots.svg(drawing)
        write_bytes(self.folder / f"{name}.svg", data)
        return data_uri(data, "image/svg+xml")

    def sheet(self, name: str, pixels: Pixels, quality: int = 88) -> str:
        """Write `pixels`, uint8 [h, w, 3], to `name`.png; return a JPEG of at most 1100 px a side as a data: URI."""
        write_bytes(self.folder / f"{name}.png", encode_png(pixels))
        return jpeg_uri(thumbnail(pixels, _SHEET_PX), quality)


def _cell(value: object) -> object:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.9g}"
    return "" if value is None else value
