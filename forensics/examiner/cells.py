"""Findings and faces as a notebook shows them: a small table, each photograph with its faces' boxes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from forensics.core.terminal import printable
from forensics.detectors.finding import Finding, FoundFace
from forensics.report.images import jpeg_uri, thumbnail
from forensics.report.page import signed

if TYPE_CHECKING:
    from forensics.images import DecodedImage

PICTURE_PX = 192  # longer side of a photograph in a cell


def picture_uri(image: DecodedImage, side: int = PICTURE_PX) -> str:
    """A data: URI of the photograph, reduced to `side` px, as JPEG."""
    return jpeg_uri(thumbnail(image.pixels, side), quality=75)


def boxes(width: int, height: int, faces: Sequence[FoundFace], picture: str) -> str:
    """SVG of a photograph of `width` × `height` px with a numbered box around each face; `picture`: its data: URI."""
    stroke, marks = max(width, height) / 120, []
    for number, face in enumerate(faces, 1):
        left, top, right, bottom = face.box
        marks.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
            f'fill="none" stroke="#ffd400" stroke-width="{stroke:.1f}"/>'
            f'<text x="{left + stroke:.1f}" y="{top + 9 * stroke:.1f}" font-size="{8 * stroke:.1f}" '
            f'fill="#ffd400" stroke="#000" stroke-width="{stroke / 4:.2f}">{number}</text>'
        )
    shown = f'<image href="{picture}" width="{width}" height="{height}"/>' if picture else ""
    scale = PICTURE_PX / max(width, height)
    return (
        f'<svg role="img" aria-label="photograph with {len(faces)} faces" viewBox="0 0 {width} {height}" '
        f'width="{width * scale:.0f}" height="{height * scale:.0f}">{shown}{"".join(marks)}</svg>'
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that scrolls in its own box; cells are HTML already."""
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div style="overflow-x:auto"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def finding_row(finding: Finding, picture: str) -> list[str]:
    """Photograph, file, verdict, log10 LR where it carries a verdict, and why or what else is to be known."""
    reasons = [*finding.reasons, *finding.warnings]
    return [
        boxes(finding.width, finding.height, finding.faces or (), picture),
        escape(printable(finding.path)),
        f"<b>{escape(finding.verdict)}</b>",
        # A ratio that lies outside what it was validated on would be read as one all the same.
        "–" if finding.reasons else signed(finding.log10_lr),
        "<br>".join(escape(printable(line)) for line in reasons) or "–",
    ]
