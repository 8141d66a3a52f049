"""The process that touches hostile bytes: one encoded image comes in on stdin, RGB rows go out on stdout, and again.

Run as a folder by `forensics.images.process`, never imported by the package; it needs Pillow and `core.apart.child`
only, and starts in about 0.1 s. In: the limits and the file's bytes. Out: `H` what was found as JSON, then `R` runs of
RGB rows in stored order (uint8, 3 bytes a pixel).
"""

from __future__ import annotations

import io
import json
import re
import warnings
from typing import TYPE_CHECKING

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from forensics.core.apart.child import Refused, Send, serve

if TYPE_CHECKING:
    from forensics.images.decoder.colour import converter, strips_of
    from forensics.images.decoder.header import Limits, describe, orientation_of, refuse_bombs
else:  # the folder is what Python runs, so the files beside this one are modules of their own
    from colour import converter, strips_of
    from header import Limits, describe, orientation_of, refuse_bombs

# The formats this process reads are the ones imported here; Pillow is told not to look for more.
_PLUGINS = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)


def main() -> None:
    """Serve until stdin closes."""
    serve(_decode, _sentence, "an image")


def _sentence(error: Exception, limits: Limits) -> str:
    detail = re.sub(r"\s+", " ", str(error) or type(error).__name__)
    if "MAX_TEXT" in detail:
        return (
            "has compressed text or a profile that unpacks to more than 1 MiB, as a decompression bomb does"
        )
    detail = "unreadable header" if "cannot identify image file" in detail else detail[:120]
    return f"is a damaged or truncated {limits['format']} file ({detail}); use an intact copy"


def _decode(limits: Limits, data: bytes, send: Send) -> None:
    Image.MAX_IMAGE_PIXELS = limits["max_pixels"]
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = _open(limits, data)
        refuse_bombs(image, limits, data)
        found = describe(image, limits, data, said)
        image.load()
        if found["format"] != "TIFF":  # Pillow turns a TIFF upright itself
            found["orientation"] = orientation_of(image, said)
            found["turn"] = found["orientation"]
        convert = converter(image, found, said)
        strips = strips_of(image, convert)
        first = next(strips)
        said += [re.sub(r"\s+", " ", str(w.message)).strip()[:160] for w in caught]
    found |= {"width": image.width, "height": image.height, "warnings": list(dict.fromkeys(said))[:20]}
    send(b"H", json.dumps(found).encode())
    send(b"R", first.tobytes())
    for strip in strips:
        send(b"R", strip.tobytes())


def _open(limits: Limits, data: bytes) -> Image.Image:
    if limits["format"] == "HEIF":
        _read_heif()
    try:
        return Image.open(io.BytesIO(data), formats=[limits["format"]])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = re.search(r"(\d+) pixels", str(error))
        declared = f"{int(pixels[1]):,}" if pixels else "too many"
        limit = f"{limits['max_pixels']:,}"
        raise Refused(f"declares {declared} pixels, over the limit of {limit}; make it smaller") from error


def _read_heif() -> None:
    """Let Pillow read HEIC by libheif, whose own limits stay on; loaded only when a file of that kind comes."""
    import pi_heif

    # One thread: the limit of address space counts each thread's stack. The thumbnail stays where it is.
    pi_heif.register_heif_opener(thumbnails=False, decode_threads=1)


if __name__ == "__main__":
    main()
