"""Hostile files: each ends in one clear line or in pixels, within two seconds and 500 MB, and the next file decodes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from forensics.core.errors import ImageError
from forensics.images import ImageFailure, Limits, decode, decode_bytes, decode_many
from tests.images.encoded import chunk, png
from tests.images.fresh_process import outcome
from tests.images.hostile_files import REFUSED, SMALL_ROWS, gif_frames, tiff


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_file_is_refused_in_one_line(tmp_path: Path, name: str):
    make, expected = REFUSED[name]
    path = tmp_path / name
    path.write_bytes(make())
    messages, _ = outcome(path)
    assert len(messages) == 1
    assert messages[0].startswith(f"{path}: ")
    with pytest.raises(ImageError, match=expected):
        raise ImageError(messages[0])


def test_an_animation_of_10000_frames_gives_its_first(tmp_path: Path):
    path = tmp_path / "endless.gif"
    path.write_bytes(gif_frames(10_000))
    messages, warnings = outcome(path)
    assert messages == []
    assert warnings == ["only the first of 10,000 frames is examined"]
    with Image.open(path) as plain:
        np.testing.assert_array_equal(decode(path).pixels, np.asarray(plain.convert("RGB")))


def test_pages_that_lead_to_each_other_end(tmp_path: Path):
    path = tmp_path / "circle.tif"
    path.write_bytes(tiff(64, 64, {}, bytes(64 * 64), next_ifd=8))
    messages, _ = outcome(path)
    assert messages == []
    assert decode(path).pixels.shape == (64, 64, 3)


def test_a_hundred_thousand_png_chunks_end(tmp_path: Path):
    path = tmp_path / "chunks.png"
    path.write_bytes(png(64, 64, SMALL_ROWS, chunk(b"teSt", b"") * 100_000))
    outcome(path)


def test_hostile_exif_costs_a_warning_at_most(shared: Path):
    """Every single-byte change of a real EXIF block, and endless pointers, leave the picture readable."""
    with Image.open(shared / "data/faces256/val/real/0000.png") as photograph:
        exif = Image.Exif()
        exif[0x0112], exif[0x010F], exif[0x8769] = 6, "Canon", {0x9003: "2020:01:01 00:00:00"}
        block = exif.tobytes()
        for at in range(6, len(block), 3):
            buffer = io.BytesIO()
            damaged = block[:at] + bytes([block[at] ^ 0xFF]) + block[at + 1 :]
            photograph.convert("RGB").save(buffer, "JPEG", exif=damaged)
            image = decode_bytes(buffer.getvalue(), "exif.jpg")
            assert image.pixels.shape == (256, 256, 3)
            assert all(w.isprintable() and len(w) < 200 for w in image.warnings)


def photograph_as(shared: Path, format: str) -> bytes:
    buffer = io.BytesIO()
    with Image.open(shared / "data/faces256/val/real/0001.png") as photograph:
        options = (
            {"lossless": True}
            if format == "WEBP"
            else {"compression": "tiff_deflate"}
            if format == "TIFF"
            else {}
        )
        photograph.convert("RGB").save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_truncated_at_every_sixteenth(shared: Path, format: str):
    data = photograph_as(shared, format)
    for sixteenth in range(1, 16):
        with pytest.raises(ImageError, match=rf"cut\.bin: is a damaged or truncated {format} file") as caught:
            decode_bytes(data[: len(data) * sixteenth // 16], "cut.bin")
        assert str(caught.value).isprintable()
    assert decode_bytes(data, "whole.bin").width == 256


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_bytes_give_pixels_or_one_line(shared: Path, format: str, damage: list[tuple[float, int]]):
    data = bytearray(photograph_as(shared, format))
    for where, value in damage:  # squared: headers, where the damage is interesting, are at the front
        data[int(where**4 * (len(data) - 1))] = value
    message = ""
    try:
        image = decode_bytes(bytes(data), "damaged.bin", Limits(seconds=5))
    except ImageError as error:
        message = str(error)
    else:
        assert image.pixels.dtype == np.uint8
        assert image.pixels.shape == (image.height, image.width, 3)
    assert message.isprintable()
    assert message == "" or message.startswith("damaged.bin: ")


def test_a_file_over_the_byte_limit_is_not_read_whole(tmp_path: Path):
    path = tmp_path / "sparse.png"
    with path.open("wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n")
        stream.truncate(20 << 30)
    messages, _ = outcome(path)
    assert "and the limit is 268435456" in messages[0]


def test_metadata_is_never_run_or_printed_raw(shared: Path):
    from PIL.PngImagePlugin import PngInfo

    buffer, text = io.BytesIO(), PngInfo()
    text.add_text("Title", "<script>alert(1)</script>\x1b]0;owned\x07")
    with Image.open(shared / "data/faces256/val/real/0000.png") as photograph:
        photograph.save(buffer, "PNG", pnginfo=text)
    image = decode_bytes(buffer.getvalue(), "titled.png")
    assert image.warnings == ()


def test_one_bad_file_among_many_costs_only_itself(tmp_path: Path, shared: Path):
    good = sorted((shared / "data/faces256/val/real").iterdir())
    paths: list[Path] = []
    for i, (name, (make, _)) in enumerate(sorted(REFUSED.items())):
        bad = tmp_path / name
        bad.write_bytes(make())
        paths += [bad, good[i]]
    items = list(decode_many(paths, workers=2))
    assert [isinstance(item, ImageFailure) for item in items] == [True, False] * len(REFUSED)
