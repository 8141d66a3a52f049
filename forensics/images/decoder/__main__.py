"""The process that touches hostile bytes: one encoded image comes in on stdin, RGB rows go out on stdout, and again.

Run as a folder by `forensics.images.process`, never imported by the package; it needs Pillow and the standard
library only and starts in about 0.1 s. It may be killed at any moment; it writes no file and reads none after its
imports.

Frames on both pipes: one kind byte, a big-endian uint32 length, that many bytes.
In: `Q` the limits as JSON, then `B` the file's bytes. Out: `H` what was found as JSON, then `R` runs of RGB rows in
stored order (uint8, 3 bytes a pixel), then `D`; or `E` with one sentence at any point.
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import struct
import sys
import warnings
from typing import IO, TYPE_CHECKING

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

if TYPE_CHECKING:
    from forensics.images.decoder.colour import converter, strips_of
    from forensics.images.decoder.header import Limits, Refused, describe, orientation_of, refuse_bombs
else:  # the folder is what Python runs, so the files beside this one are modules of their own
    from colour import converter, strips_of
    from header import Limits, Refused, describe, orientation_of, refuse_bombs

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


def _serve(limits: Limits, data: bytes, sink: IO[bytes]) -> None:
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


def _bound(limits: Limits) -> None:
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


def _decode(limits: Limits, data: bytes, sink: IO[bytes]) -> None:
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
    _write(sink, b"H", json.dumps(found).encode())
    _write(sink, b"R", first.tobytes())
    for strip in strips:
        _write(sink, b"R", strip.tobytes())


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
