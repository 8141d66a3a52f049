"""Image files made by hand to cost a decoder time or memory, and what the refusal of each says."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image

from tests.images.encoded import chunk, png


def deflated_zeros(n_bytes: int) -> bytes:
    packer, block = zlib.compressobj(9), bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(n_bytes >> 20)) + packer.flush()


def tiff(width: int, height: int, extra: dict[int, int], data: bytes = b"", next_ifd: int = 0) -> bytes:
    """A little-endian grey TIFF with one strip of `data`; `extra` adds or replaces LONG tags."""
    tags = {
        256: width,
        257: height,
        258: 8,
        259: 1,
        262: 1,
        273: 0,
        277: 1,
        278: height,
        279: len(data),
    } | extra
    size = 8 + 2 + 12 * len(tags) + 4
    for offset_tag in (273, 324):
        if offset_tag in tags:
            tags[offset_tag] = size
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", next_ifd) + data


def gif_frames(n: int, width: int = 320, height: int = 240) -> bytes:
    """A GIF of `n` frames, each full size with its own delay, all sharing one colour table."""
    one = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).quantize(16).save(one, "GIF")
    data = one.getvalue()
    start = 13 + 3 * (2 << (data[10] & 7)) if data[10] & 0x80 else 13
    body = data[data.index(b"\x2c", start) : -1]
    control = b"\x21\xf9\x04\x04\x05\x00\x00\x00"
    return data[:start] + (control + body) * n + b"\x3b"


def scans(n: int, side: int) -> bytes:
    """A progressive JPEG whose last scan comes `n` times more: each costs a pass over all coefficients."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((side, side)).convert("RGB").save(
        buffer, "JPEG", progressive=True, quality=30
    )
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * n + data[-2:]


def solid_webp() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(buffer, "WEBP", lossless=True)
    data = buffer.getvalue()
    payload = data[12:]
    extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (49_999).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", 4 + len(extended) + len(payload)) + b"WEBP" + extended + payload


JPEG_50K = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0001108c350c35003012200021101031101ffd9")
BMP_50K = (
    b"BM"
    + struct.pack("<IHHIIiiHHIIiiII", 1000, 0, 0, 54, 40, 50_000, 50_000, 1, 24, 0, 0, 0, 0, 0, 0)
    + bytes(900)
)
SMALL_ROWS = zlib.compress((b"\0" + bytes(64 * 3)) * 64)
ZTXT_BOMB = b"Comment\0\0" + deflated_zeros(300 << 20)
ICCP_BOMB = b"profile\0\0" + deflated_zeros(300 << 20)
ITXT_BOMB = b"Comment\0\1\0\0\0" + deflated_zeros(300 << 20)
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "header-50k.png": (
        lambda: png(50_000, 50_000, b"\x78\x9c"),
        r"declares 2,500,000,000 pixels, over the limit",
    ),
    "header-50k.jpg": (lambda: JPEG_50K, "declares 2,500,000,000 pixels"),
    "header-50k.bmp": (lambda: BMP_50K, "declares 2,500,000,000 pixels"),
    "header-50k.gif": (lambda: b"GIF89a" + struct.pack("<HHBBB", 50_000, 50_000, 0, 0, 0) + b"\x3b", "GIF"),
    "header-50k.tif": (lambda: tiff(50_000, 50_000, {}), "declares 2,500,000,000 pixels"),
    "header-50k.webp": (solid_webp, "declares 2,500,000,000 pixels|damaged"),
    "thin.png": (lambda: png(2_000_000, 1, b"\x78\x9c"), "over the limit of 30,000 a side"),
    "nothing.png": (lambda: png(0, 0, SMALL_ROWS), "PNG"),
    "bomb-8k.png": (
        lambda: png(7_900, 7_900, deflated_zeros(7_900 * 23_701)),
        "as a decompression bomb does",
    ),
    "bomb-ztxt.png": (
        lambda: png(64, 64, SMALL_ROWS, chunk(b"zTXt", ZTXT_BOMB)),
        "unpacks to more than 1 MiB, as a decompression bomb does",
    ),
    "bomb-itxt.png": (
        lambda: png(64, 64, SMALL_ROWS, chunk(b"iTXt", ITXT_BOMB)),
        "unpacks to more than 1 MiB, as a decompression bomb does",
    ),
    "bomb-iccp.png": (
        lambda: png(64, 64, SMALL_ROWS, chunk(b"iCCP", ICCP_BOMB)),
        "unpacks to more than 1 MiB, as a decompression bomb does",
    ),
    "bomb-many-ztxt.png": (
        lambda: png(64, 64, SMALL_ROWS, chunk(b"zTXt", b"a\0\0" + deflated_zeros(1 << 20)) * 200),
        ".",
    ),
    "bomb-deflate.tif": (lambda: tiff(7_900, 7_900, {259: 8}, deflated_zeros(7_900 * 7_900)), "bomb"),
    "huge-strip.tif": (
        lambda: tiff(64, 64, {278: 2**32 - 1, 279: 2**32 - 1, 259: 8}, b"\x78\x9c"),
        "damaged",
    ),
    "huge-tile.tif": (
        lambda: tiff(64, 64, {259: 8, 322: 65_520, 323: 65_520, 324: 0, 325: 200}, deflated_zeros(1 << 20)),
        "damaged",
    ),
    "bomb-scans.jpg": (lambda: scans(3_000, 2_000), r"has 3,\d\d\d scans"),
    "page.jpg": (
        lambda: b"<!DOCTYPE html><html><body>404</body></html>",
        r"not a JPEG, .* \(it is an HTML page\)",
    ),
    "empty.png": (lambda: b"", r"is empty \(zero bytes\)"),
    "one-byte.jpg": (lambda: b"\xff", "is not a JPEG"),
    "text.png": (lambda: b"just some words", "is not a JPEG"),
    "archive.webp": (lambda: b"PK\x03\x04" + bytes(100), "it is a ZIP archive"),
    "photo.heic": (lambda: b"\0\0\0\x18ftypheic" + bytes(100), "damaged or truncated HEIF file"),
    "postscript.png": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a JPEG"),
}
