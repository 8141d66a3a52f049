"""From a path to pixels: one read, one hash, one decode, within limits.

The file is opened without blocking and only if it is a regular file, read once, hashed, recognised by its first
bytes (never by its name), and decoded from the same buffer in a child process. The header is checked before any
pixel is decoded, which bounds nearly everything; the child, with its own address-space and CPU limits and a deadline
after which it is killed, bounds the rest (decoder faults, slow constructs) and keeps a crash away from the caller.
One child serves many images: it costs about 0.1 s once and then one or two milliseconds an image.

Conventions: transparency is composited over white; an embedded ICC profile is converted to sRGB (perceptual intent) and
ignored with a warning where it is damaged; CMYK without a profile is converted by Pillow's formula, and is taken as
inverted in every JPEG (Adobe's convention); 16-bit samples keep their high byte; gamma and chromaticity chunks of PNG
are ignored; of several frames the first counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.core.apart.parent import ApartError
from forensics.core.errors import ImageError
from forensics.core.files import sha256_bytes
from forensics.core.terminal import printable
from forensics.core.untrusted import FileBytes, read_untrusted
from forensics.images.process import decode_apart


@dataclass(frozen=True)
class Limits:
    """What one image may cost. Pillow warns at 89,478,485 pixels; these refuse below that."""

    max_bytes: int = 256 << 20
    max_pixels: int = 64_000_000
    max_side: int = 30_000
    max_frames: int = 1_000  # frames (TIFF pages) that are counted; only the first is decoded
    seconds: float = 30.0  # wall clock and CPU of the decoding process
    memory_bytes: int = 1 << 30  # address space of the decoding process


@dataclass(frozen=True)
class DecodedImage:
    """One image, upright and in sRGB, and where it came from. `pixels`: uint8 [height, width, 3]."""

    pixels: NDArray[np.uint8] = field(repr=False, compare=False)
    path: str
    sha256: str  # of the file's bytes
    n_bytes: int
    format: str  # JPEG, PNG, WEBP, HEIF, AVIF, JPEG2000, BMP, TIFF or GIF
    mode: str  # Pillow's mode of the stored image: L, P, RGB, RGBA, CMYK, I;16 ...
    width: int  # px, upright
    height: int  # px, upright
    n_frames: int
    orientation: int  # EXIF tag 274, 1 to 8; already applied to `pixels`
    warnings: tuple[str, ...] = ()
    jpeg_tables: tuple[tuple[int, ...], ...] | None = field(
        default=None, repr=False
    )  # 64 values each, natural order


@dataclass(frozen=True)
class ImageFailure:
    """A file that gave no image, and one line that names it and says why."""

    path: str
    message: str


def decode(path: Path, limits: Limits | None = None) -> DecodedImage:
    """Decode the image at `path`; raises `ImageError` with one line that names it."""
    limits = limits or Limits()
    content = _content(path, limits.max_bytes)
    return _decoded(content.data, content.sha256, str(path), limits)


def decode_bytes(data: bytes, name: str, limits: Limits | None = None) -> DecodedImage:
    """Decode an encoded image held in memory; `name` stands for its path. Raises `ImageError`."""
    return _decoded(data, sha256_bytes(data), name, limits or Limits())


def _decoded(data: bytes, sha256: str, name: str, limits: Limits) -> DecodedImage:
    try:
        request = asdict(limits) | {"format": _recognise(data)}
        decoded = decode_apart(data, request)
    except ApartError as error:
        raise ImageError(f"{printable(name)}: {printable(error)}") from error
    header, (height, width, _) = decoded.header, decoded.pixels.shape
    return DecodedImage(
        pixels=decoded.pixels,
        path=name,
        sha256=sha256,
        n_bytes=len(data),
        format=header.format,
        mode=header.mode,
        width=width,
        height=height,
        n_frames=header.n_frames,
        orientation=header.orientation,
        warnings=tuple(printable(warning) for warning in header.warnings),
        jpeg_tables=header.jpeg_tables,
    )


def decode_many(
    paths: Iterable[Path], limits: Limits | None = None, workers: int = 1
) -> Iterator[DecodedImage | ImageFailure]:
    """Decode in the order given, `workers` at a time and at most `workers` ahead of the reader.

    A file that cannot be decoded is one `ImageFailure` in its place; the result does not depend on `workers`.
    """

    def attempt(path: Path) -> DecodedImage | ImageFailure:
        try:
            return decode(path, limits)
        except ImageError as error:
            return ImageFailure(str(path), str(error))

    pending: deque[Future[DecodedImage | ImageFailure]] = deque()
    with ThreadPoolExecutor(max(1, workers)) as pool:
        try:
            for path in paths:
                pending.append(pool.submit(attempt, path))
                if len(pending) > max(1, workers):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def read_file(path: Path, max_bytes: int = Limits.max_bytes) -> bytes:
    """The bytes of a regular file of at most `max_bytes`; raises `ImageError`. Never waits on a FIFO or a device."""
    return _content(path, max_bytes).data


def _content(path: Path, max_bytes: int) -> FileBytes:
    content = read_untrusted(path, max_bytes, ImageError)
    if not content.data:
        raise ImageError(f"{printable(path)}: is empty (zero bytes); use an intact copy")
    return content


READABLE = "JPEG, PNG, WebP, HEIC, AVIF, JPEG 2000, BMP, TIFF or GIF"
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),  # a bare codestream
)
_OTHERS = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML file"),
    (b"%pdf", "a PDF file"),
    (b"pk\x03\x04", "a ZIP archive"),
    (b"8bps", "a Photoshop file"),
    (b"\0\0\0\x0cjxl ", "a JPEG XL image; convert it"),
)
# Brands of a HEIF file that hold a still image, or a sequence with a first picture (ISO/IEC 23008-12, AVIF).
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
SNIFFED_BYTES = 64  # enough for the first brands of a HEIF file


def sniff(head: bytes) -> str | None:
    """The format that a file with these first `SNIFFED_BYTES` claims to have, or None."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _by_brands(head)
    return next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)


def _by_brands(head: bytes) -> str | None:
    """AVIF or HEIF by the major brand, or where that is a general one by those it says it is compatible with."""
    size = int.from_bytes(head[:4], "big")
    brands = {head[8:12]} | {head[at : at + 4] for at in range(16, min(size, len(head)) - 3, 4)}
    if head[8:12] in _AVIF_BRANDS or (head[8:12] in (b"mif1", b"msf1") and brands & _AVIF_BRANDS):
        return "AVIF"
    return "HEIF" if head[8:12] in _HEIC_BRANDS else None


def _recognise(data: bytes) -> str:
    found = sniff(data[:SNIFFED_BYTES])
    if found:
        return found
    start = data[:512].lstrip().lower()
    known = next((name for signature, name in _OTHERS if start.startswith(signature)), None)
    if data[4:8] == b"ftyp":
        known = "a video"
    remedy = f" (it is {known})" if known else "; convert it or leave it out"
    raise ApartError(f"is not a {READABLE} file{remedy}")
