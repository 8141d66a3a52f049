"""What the header of an image says, and what is refused by it alone, before a pixel is decoded."""

from __future__ import annotations

import contextlib
import io
from typing import Any, TypedDict

from PIL import Image

from forensics.core.apart.child import Refused

_BOMB_PIXELS = 16_000_000
_BOMB_RATIO = 500  # decoded bytes per file byte; photographs stay under 100, a flat JPEG under 200
_SCAN_WORK = 2_000_000_000  # pixels times scans of a progressive JPEG: about 10 s of one core
_GIF_BLOCKS = 200_000


class Limits(TypedDict):
    """What one image may cost, and the format that its first bytes show."""

    format: str
    max_pixels: int
    max_side: int
    max_frames: int
    seconds: float
    memory_bytes: int


def refuse_bombs(image: Image.Image, limits: Limits, data: bytes) -> None:
    """Refuse from the header alone what would cost far more than its bytes."""
    width, height = image.size
    if max(width, height) > limits["max_side"]:
        raise Refused(
            f"declares {width:,} x {height:,} pixels, over the limit of {limits['max_side']:,} a side"
        )
    if min(width, height) < 1:
        raise Refused(f"declares {width} x {height} pixels")
    if width * height > _BOMB_PIXELS and width * height * 3 > _BOMB_RATIO * len(data):
        raise Refused(
            f"declares {width:,} x {height:,} pixels in {len(data):,} bytes, as a decompression bomb does"
        )
    if limits["format"] == "JPEG":
        scans = data.count(
            b"\xff\xda"
        )  # entropy-coded data cannot hold these two bytes, a thumbnail can hold some
        if scans > 16 and scans * width * height > _SCAN_WORK:
            raise Refused(
                f"has {scans:,} scans of {width:,} x {height:,} pixels, as a decompression bomb does"
            )


def describe(image: Image.Image, limits: Limits, data: bytes, said: list[str]) -> dict[str, Any]:
    """The facts of the header as plain values; `said` takes on what a person should know."""
    rawmode = _rawmode(image)
    if ";16" in rawmode or ";12" in rawmode or image.mode.startswith("I;"):
        said.append("more than 8 bits a sample, reduced to the 8 most significant")
    frames, exact = _frames(image, limits, data)
    if frames > 1:
        said.append(f"only the first of {'' if exact else 'at least '}{frames:,} frames is examined")
    tables = getattr(image, "quantization", None) if limits["format"] == "JPEG" else None
    orientation = orientation_of(image, said) if limits["format"] == "TIFF" else 1
    return {
        "format": limits["format"],
        "mode": image.mode,
        "n_frames": frames,
        "orientation": orientation,
        "turn": 1,
        "jpeg_tables": [list(map(int, tables[k])) for k in sorted(tables)] if tables else None,
    }


def _rawmode(image: Image.Image) -> str:
    tile = getattr(image, "tile", None)
    args = tile[0][3] if tile else ""
    return args if isinstance(args, str) else str(args[0]) if args else ""


def orientation_of(image: Image.Image, said: list[str]) -> int:
    """The EXIF (or XMP) orientation 1..8; anything else is 1 and said."""
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # hostile EXIF fails in many ways, none of which should cost the picture
        said.append("EXIF is damaged and was ignored")
        return 1
    if isinstance(value, int) and 1 <= value <= 8:
        return value
    said.append("EXIF orientation is not 1 to 8 and was ignored")
    return 1


def _frames(image: Image.Image, limits: Limits, data: bytes) -> tuple[int, bool]:
    """How many frames there are and whether that is all of them, without decoding any."""
    if limits["format"] == "GIF":
        return _gif_frames(data)
    if limits["format"] != "TIFF":
        return max(1, min(int(getattr(image, "n_frames", 1)), 1 << 31)), True
    with contextlib.suppress(EOFError), Image.open(io.BytesIO(data), formats=["TIFF"]) as pages:
        for page in range(1, limits["max_frames"]):
            try:
                pages.seek(page)
            except EOFError:
                return page, True
            except Exception:
                return page, False
        return int(limits["max_frames"]), False
    return 1, True


def _gif_frames(data: bytes) -> tuple[int, bool]:
    """Count image descriptors by walking the blocks (GIF89a, sections 17 to 26)."""

    def after_table(at: int, flags: int) -> int:
        return at + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)

    frames, at = 0, after_table(13, data[10])
    for _ in range(_GIF_BLOCKS):
        kind = data[at : at + 1]
        if kind not in (b"\x2c", b"\x21"):
            return max(1, frames), kind == b"\x3b"
        if kind == b"\x2c":
            frames += 1
            at = after_table(at + 10, data[at + 9] if at + 9 < len(data) else 0) + 1
        else:
            at += 2
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return max(1, frames), False
