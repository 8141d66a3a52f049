"""HEIC, AVIF and JPEG 2000: read like the others, by content, upright, and refused in one line where damaged.

`files/astronaut.heic` is scikit-image's picture of E. Collins (NASA, public domain), 240 px, turned by orientation 6.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.data import astronaut

from forensics.core.errors import ImageError
from forensics.images import decode, decode_bytes
from forensics.images.decoding import sniff

HEIC = Path(__file__).with_name("files") / "astronaut.heic"


def encoded(format: str, pixels: NDArray[np.uint8], **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


def test_a_heic_is_decoded_and_turned_upright() -> None:
    image = decode(HEIC)
    upright = np.rot90(astronaut()[:240, 100:340], -1)
    assert (image.format, image.width, image.height, image.orientation) == ("HEIF", 240, 240, 1)
    assert np.abs(image.pixels.astype(float) - upright).mean() < 3


@pytest.mark.parametrize(("format", "away"), [("AVIF", 3.0), ("JPEG2000", 0.0)])
def test_a_picture_comes_back(format: str, away: float) -> None:
    pixels = np.ascontiguousarray(astronaut()[:200, :300])
    image = decode_bytes(encoded(format, pixels), "photo")
    assert (image.format, image.width, image.height) == (format, 300, 200)
    assert np.abs(image.pixels.astype(float) - pixels).mean() <= away


def test_a_bare_jpeg_2000_codestream_is_read() -> None:
    data = encoded("JPEG2000", astronaut()[:64, :64], no_jp2=True)
    assert data.startswith(b"\xff\x4f\xff\x51")
    assert decode_bytes(data, "stream").width == 64


def test_an_avif_under_a_general_brand_is_no_heic() -> None:
    assert sniff(b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiaf" + bytes(40)) == "AVIF"
    assert sniff(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(40)) == "HEIF"
    assert sniff(b"\0\0\0\x18ftypisom\0\0\0\0isomavif" + bytes(40)) is None


@pytest.mark.parametrize("format", ["HEIF", "AVIF", "JPEG2000"])
def test_a_damaged_file_is_refused_in_one_line(format: str) -> None:
    data = HEIC.read_bytes() if format == "HEIF" else encoded(format, astronaut()[:240, :240])
    for part in (0.02, 0.2, 0.5):
        with pytest.raises(ImageError) as refused:
            decode_bytes(data[: int(len(data) * part)], "cut")
        assert str(refused.value).startswith("cut: is a damaged or truncated ")
        assert "\n" not in str(refused.value)


def test_the_size_is_known_before_a_pixel_is_decoded() -> None:
    data = HEIC.read_bytes()
    at = data.index(b"ispe") + 8
    bomb = data[:at] + (60_000).to_bytes(4, "big") * 2 + data[at + 8 :]
    with pytest.raises(ImageError, match="pixels"):
        decode_bytes(bomb, "bomb")
