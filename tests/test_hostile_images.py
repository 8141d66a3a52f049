"""Hostile files: each ends in one clear line or in pixels, within two seconds and 500 MB, and the next file decodes."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from forensics.errors import ImageError
from forensics.images import ImageFailure, Limits, decode, decode_bytes, decode_many, find_images

MAX_SECONDS, MAX_MEGABYTES = 2.0, 500

# Decodes one path in a fresh interpreter, as a command would, and says what came of it and what it cost.
MEASURE = """
import json, resource, sys, time
from pathlib import Path
from forensics.errors import ImageError
from forensics.images import decode, find_images, process
began = time.monotonic()
found = find_images([Path(sys.argv[1])])
messages, warnings = [f.message for f in found.failures], []
for path in found.paths:
    try:
        warnings += decode(path).warnings
    except ImageError as error:
        messages.append(str(error))
elapsed = time.monotonic() - began
process.close_all()
# Not ru_maxrss of this process: that one survives exec, and so tells of the process that started this one.
(own,) = [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")]
children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"messages": messages, "warnings": warnings, "s": elapsed, "mb": (own + children) / 1000}))
"""


def outcome(path: Path) -> tuple[list[str], list[str]]:
    """Messages and warnings of decoding `path` in a fresh process, whose cost is asserted."""
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, path], capture_output=True, text=True, timeout=60, check=True
    )
    result = json.loads(run.stdout)
    assert result["s"] < MAX_SECONDS, result
    assert result["mb"] < MAX_MEGABYTES, result
    assert run.stderr == ""
    for line in result["messages"] + result["warnings"]:
        assert line.isprintable(), line
    return result["messages"], result["warnings"]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes, extra: bytes = b"", colour_type: int = 2) -> bytes:
    """A PNG whose IDAT holds the already compressed `rows`, with `extra` chunks before it."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    end = chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + end


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
    "photo.heic": (lambda: b"\0\0\0\x18ftypheic" + bytes(100), "it is a HEIC image; convert it"),
    "postscript.png": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a JPEG"),
}


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
    assert "is larger than the limit of 268,435,456 bytes" in messages[0]


# --- what is in a file's place --------------------------------------------------------------------------------------


def test_loops_of_folders_are_one_line_each(tmp_path: Path, shared: Path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/back").symlink_to(tmp_path / "a")
    (tmp_path / "a/self").symlink_to(tmp_path / "a/self")
    (tmp_path / "a/self.jpg").symlink_to(tmp_path / "a/self.jpg")
    (tmp_path / "a/face.png").symlink_to(shared / "data/faces256/val/real/0000.png")
    messages, _ = outcome(tmp_path)
    assert sorted(m.split(": ")[0] for m in messages) == [
        str(tmp_path / "a/b/back"),
        str(tmp_path / "a/self.jpg"),
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "dangling.png").symlink_to("nowhere.png")
    for name, expected in {
        "fifo.jpg": "is not a regular file",
        "dangling.png": "is a link to nothing",
        "gone.gif": "does not exist",
        "x\0y.png": "cannot be read",
    }.items():
        with pytest.raises(ImageError, match=expected):
            decode(tmp_path / name)
    with pytest.raises(ImageError, match="is a folder"):
        decode(tmp_path / "folder.jpg")
    with pytest.raises(ImageError, match="is not a regular file"):
        decode(Path("/dev/zero"))
    messages, _ = outcome(tmp_path)
    assert len(messages) == 2


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch):
    good = shared / "data/faces256/val/real/0000.png"
    secret = tmp_path / "secret.png"
    secret.write_bytes(good.read_bytes())
    really_open = os.open

    def refusing(path: object, *rest: object, **named: object) -> int:
        if path == secret:
            raise PermissionError(13, "Permission denied")
        return really_open(path, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refusing)
    first, second = decode_many([secret, good])
    assert isinstance(first, ImageFailure)
    assert (
        first.message == f"{secret}: cannot be read (permission denied); check its permissions and the disk"
    )
    assert not isinstance(second, ImageFailure)


@pytest.mark.parametrize(
    "name", ["two\nlines.jpg", "<script>alert(1)<.png", "\x1b[31mred.gif", "caf\udce9.jpg"]
)
def test_names_with_control_characters_stay_on_one_line(tmp_path: Path, shared: Path, name: str):
    path = tmp_path / name
    path.write_bytes(b"<html>")
    (message,), _ = outcome(path)
    assert "is not a JPEG" in message
    path.write_bytes((shared / "data/faces256/val/real/0000.png").read_bytes())
    assert find_images([tmp_path]).paths == [path]
    assert decode(path).path == str(path)


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
