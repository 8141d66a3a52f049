"""From what an image stores to sRGB: depth, profile, transparency, a few rows at a time."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image, ImageCms, ImageOps

from forensics.core.apart.child import Refused

_STRIP_PIXELS = 1 << 20
_ICC_MAX_BYTES = 4 << 20
_ICC_MODES = {"RGB ": ("RGB",), "GRAY": ("L",), "CMYK": ("CMYK",), "Lab ": ("LAB",)}
_ICC_TOLERANCE = 2  # grey levels: a profile that moves no colour further is sRGB by another name

Strip = Callable[[Image.Image], Image.Image]


def strips_of(image: Image.Image, convert: Strip) -> Iterator[Image.Image]:
    """The image as RGB, a few rows at a time, so that no second copy of a large image is made."""
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield convert(image.crop((0, top, image.width, min(image.height, top + rows))))


def converter(image: Image.Image, found: dict[str, Any], said: list[str]) -> Strip:
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
