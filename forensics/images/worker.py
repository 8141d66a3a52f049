"""The process that touches hostile bytes: one encoded image comes in on stdin, RGB rows go out on stdout, and again.

Run as a script by `forensics.images.process`, never imported by the package; it needs Pillow and the standard
library only and starts in about 0.1 s. It may be killed at any moment; it writes no file and reads none after its
imports.

Frames on both pipes: one kind byte, a big-endian uint32 length, that many bytes.
In: `Q` the limits as JSON, then `B` the file's bytes. Out: `H` what was found as JSON, then `R` runs of RGB rows in
stored order (uint8, 3 bytes a pixel), then `D`; or `E` with one sentence at any point.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import struct
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import IO, Any

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

# The formats this process reads are the ones imported here; Pillow is told not to look for more.
_PLUGINS = (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
_STRIP_PIXELS = 1 << 20
_ICC_MAX_BYTES = 4 << 20
_ICC_MODES = {"RGB ": ("RGB",), "GRAY": ("L",), "CMYK": ("CMYK",), "Lab ": ("LAB",)}
_ICC_TOLERANCE = 2  # grey levels: a profile that moves no colour further is sRGB by another name
_BOMB_PIXELS = 16_000_000
_BOMB_RATIO = 500  # decoded bytes per file byte; photographs stay under 100, a flat JPEG under 200
_SCAN_WORK = 2_000_000_000  # pixels times scans of a progressive JPEG: about 10 s of one core
_GIF_BLOCKS = 200_000

Strip = Callable[[Image.Image], Image.Image]


class Refused(Exception):
    """The image is not decoded; the text says why, without the file's name."""


def main() -> None:
    """Serve until stdin closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)  # a C library that prints must not write into the frames
    while request := _read(source):
        data = _read(source)
        if data is None:
            return
        _serve(json.loads(request), data, sink)
        del data
        sink.flush()


def _read(source: IO[bytes]) -> bytes | None:
    head = source.read(5)
    if len(head) < 5:
        return None
    return source.read(struct.unpack(">cI", head)[1])


def _write(sink: IO[bytes], kind: bytes, data: bytes) -> None:
    sink.write(struct.pack(">cI", kind, len(data)))
    sink.write(data)


def _serve(limits: dict[str, Any], data: bytes, sink: IO[bytes]) -> None:
    try:
        _bound(limits)
        _decode(limits, data, sink)
    except Refused as refusal:
        _write(sink, b"E", str(refusal).encode())
    except MemoryError:
        mib = limits["memory_bytes"] >> 20
        _write(
            sink, b"E", f"needs more than the {mib} MiB of memory an image is given; make it smaller".encode()
        )
    except Exception as error:  # a decoder raises whatever it likes; each is this one file's fault
        _write(sink, b"E", _sentence(error, limits["format"]).encode("utf-8", "replace"))
    else:
        _write(sink, b"D", b"")


def _sentence(error: Exception, format: str) -> str:
    detail = re.sub(r"\s+", " ", str(error) or type(error).__name__)
    if "MAX_TEXT" in detail:
        return (
            "has compressed text or a profile that unpacks to more than 1 MiB, as a decompression bomb does"
        )
    detail = "unreadable header" if "cannot identify image file" in detail else detail[:120]
    return f"is a damaged or truncated {format} file ({detail}); use an intact copy"


def _bound(limits: dict[str, Any]) -> None:
    """Give the kernel this image's limits: address space, and CPU seconds on top of those already used."""
    if sys.platform == "win32":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + limits["seconds"]) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    memory = limits["memory_bytes"]
    resource.setrlimit(
        resource.RLIMIT_AS, (memory if hard == resource.RLIM_INFINITY else min(memory, hard), hard)
    )
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _decode(limits: dict[str, Any], data: bytes, sink: IO[bytes]) -> None:
    Image.MAX_IMAGE_PIXELS = limits["max_pixels"]
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = _open(limits, data)
        _refuse_bombs(image, limits, data)
        found = _describe(image, limits, data, said)
        image.load()
        if found["format"] != "TIFF":  # Pillow turns a TIFF upright itself
            found["orientation"] = _orientation(image, said)
            found["turn"] = found["orientation"]
        convert = _converter(image, found, said)
        strips = _strips(image, convert)
        first = next(strips)
        said += [re.sub(r"\s+", " ", str(w.message)).strip()[:160] for w in caught]
    found |= {"width": image.width, "height": image.height, "warnings": list(dict.fromkeys(said))[:20]}
    _write(sink, b"H", json.dumps(found).encode())
    _write(sink, b"R", first.tobytes())
    for strip in strips:
        _write(sink, b"R", strip.tobytes())


def _open(limits: dict[str, Any], data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=[limits["format"]])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = re.search(r"(\d+) pixels", str(error))
        declared = f"{int(pixels[1]):,}" if pixels else "too many"
        limit = f"{limits['max_pixels']:,}"
        raise Refused(f"declares {declared} pixels, over the limit of {limit}; make it smaller") from error


def _refuse_bombs(image: Image.Image, limits: dict[str, Any], data: bytes) -> None:
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


def _describe(image: Image.Image, limits: dict[str, Any], data: bytes, said: list[str]) -> dict[str, Any]:
    rawmode = _rawmode(image)
    if ";16" in rawmode or ";12" in rawmode or image.mode.startswith("I;"):
        said.append("more than 8 bits a sample, reduced to the 8 most significant")
    frames, exact = _frames(image, limits, data)
    if frames > 1:
        said.append(f"only the first of {'' if exact else 'at least '}{frames:,} frames is examined")
    tables = getattr(image, "quantization", None) if limits["format"] == "JPEG" else None
    orientation = _orientation(image, said) if limits["format"] == "TIFF" else 1
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


def _orientation(image: Image.Image, said: list[str]) -> int:
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


def _frames(image: Image.Image, limits: dict[str, Any], data: bytes) -> tuple[int, bool]:
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


def _strips(image: Image.Image, convert: Strip) -> Iterator[Image.Image]:
    """The image as RGB, a few rows at a time, so that no second copy of a large image is made."""
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield convert(image.crop((0, top, image.width, min(image.height, top + rows))))


def _converter(image: Image.Image, found: dict[str, Any], said: list[str]) -> Strip:
    """What turns a strip of this image into sRGB: depth first, then profile, then transparency over white."""
    transparency = image.info.get("transparency")
    deep = image.mode.startswith("I;16")
    if image.mode in ("I", "F"):
        raise Refused(
            f"has 32-bit samples (mode {image.mode}), which have no agreed range; convert it to 8 or 16 bits"
        )
    alpha = image.has_transparency_data and not deep
    if transparency is not None and deep:
        said.append("a transparent grey level was ignored")
    shift, inverted = _depth(image)
    profile = _profile(image, alpha, said)

    def convert(strip: Image.Image) -> Image.Image:
        if deep:
            strip = _high_bytes(strip, shift, inverted)
        if transparency is not None:
            strip.info["transparency"] = transparency
        if not alpha:
            return profile(strip)
        strip = strip.convert("RGBA")
        over = Image.new("RGB", strip.size, "white")
        over.paste(profile(strip.convert("RGB")), mask=strip.getchannel("A"))
        return over

    if alpha:
        said.append("transparency was composited over white")
    return convert


def _depth(image: Image.Image) -> tuple[int, bool]:
    """How far a 16-bit sample is shifted to leave 8 bits, and whether zero is white (TIFF tags 258 and 262)."""
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(258, (16,))
    return (4 if bits and bits[0] == 12 else 8), tags.get(262) == 0


def _high_bytes(strip: Image.Image, shift: int, inverted: bool) -> Image.Image:
    """16-bit grey to 8 by dropping the low bits, as Pillow and libpng do for RGB."""
    raw = strip.tobytes()
    little = not strip.mode.endswith("B")
    if shift == 8:
        high = raw[1::2] if little else raw[0::2]
    else:
        values = struct.unpack(f"{'<' if little else '>'}{len(raw) // 2}H", raw)
        high = bytes(min(v >> shift, 255) for v in values)
    grey = Image.frombytes("L", strip.size, high)
    return ImageOps.invert(grey) if inverted else grey


def _profile(image: Image.Image, alpha: bool, said: list[str]) -> Strip:
    """The conversion to sRGB that the embedded ICC profile asks for, or a plain one where it asks for none."""
    icc = image.info.get("icc_profile")

    def plain(strip: Image.Image) -> Image.Image:
        return strip.convert("RGB")

    if not icc:
        return plain
    if not isinstance(icc, bytes) or len(icc) > _ICC_MAX_BYTES:
        said.append(f"the ICC profile is larger than {_ICC_MAX_BYTES >> 20} MiB and was ignored")
        return plain
    mode = "L" if image.mode in ("1", "L") or image.mode.startswith("I;16") else image.mode
    mode = mode if mode in ("L", "CMYK", "LAB") and not alpha else "RGB"
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if mode not in _ICC_MODES.get(profile.profile.xcolor_space, ()):
            said.append("the ICC profile is for another colour space and was ignored")
            return plain
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
        if _is_identity(transform, mode):
            return plain
        name = " ".join((profile.profile.profile_description or "").split())[:60]
    except Exception:  # lcms fails in many ways on a broken profile, none of which should cost the picture
        said.append("the ICC profile is damaged and was ignored")
        return plain
    said.append(f"colours were converted to sRGB from the embedded profile {name!r}")

    def managed(strip: Image.Image) -> Image.Image:
        converted = ImageCms.applyTransform(strip if strip.mode == mode else strip.convert(mode), transform)
        assert converted is not None
        return converted

    return managed


def _is_identity(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether the transform moves no colour of a coarse grid by more than `_ICC_TOLERANCE` levels."""
    if mode not in ("RGB", "L"):
        return False
    levels = range(0, 256, 17)
    grid = (
        bytes(v for r in levels for g in levels for b in levels for v in (r, g, b))
        if mode == "RGB"
        else bytes(range(256))
    )
    size = (len(grid) // len(mode), 1)
    probe = Image.frombytes(mode, size, grid)
    converted = ImageCms.applyTransform(probe, transform)
    assert converted is not None
    before, after = probe.convert("RGB").tobytes(), converted.tobytes()
    return max(abs(a - b) for a, b in zip(before, after, strict=True)) <= _ICC_TOLERANCE


if __name__ == "__main__":
    main()
