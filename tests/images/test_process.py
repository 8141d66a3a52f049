"""The decoding processes: order, reuse, limits of time and memory, death and lies, threads and forks."""

from __future__ import annotations

import os
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from forensics.core.errors import ImageError
from forensics.core.files import sha256_file
from forensics.images import DecodedImage, ImageFailure, Limits, decode, decode_bytes, decode_many, process
from tests.images.encoded import encoded, pixels_of


@pytest.mark.parametrize("workers", [1, 3])
def test_decode_many_keeps_the_order_and_goes_on_after_a_bad_file(shared: Path, tmp_path: Path, workers: int):
    good = sorted((shared / "data/faces256/val/real").iterdir())[:12]
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    paths = [*good[:5], tmp_path / "bad.jpg", *good[5:], tmp_path / "none.png"]
    items = list(decode_many(paths, workers=workers))
    assert [item.path for item in items] == [str(p) for p in paths]
    assert [isinstance(item, ImageFailure) for item in items] == [p not in good for p in paths]
    assert all(str(tmp_path) in item.message for item in items if isinstance(item, ImageFailure))
    assert [i.sha256 for i in items if isinstance(i, DecodedImage)] == [sha256_file(p) for p in good]


def test_decode_many_reads_only_a_little_ahead(shared: Path):
    asked: list[Path] = []

    def paths():
        for path in sorted((shared / "data/faces256/val/real").iterdir()):
            asked.append(path)
            yield path

    items = decode_many(paths(), workers=2)
    next(items)
    assert len(asked) <= 4
    items.close()
    assert decode(asked[0]).width == 256


def test_one_process_serves_many_images(photograph: Image.Image):
    data = encoded(photograph, "PNG")
    process.DECODERS.close()
    pixels_of(data)
    (first,) = process.DECODERS._idle
    for _ in range(3):
        pixels_of(data)
    assert process.DECODERS._idle == [first]


def test_a_slow_decode_is_given_up_and_the_next_image_decodes(photograph: Image.Image):
    data = encoded(photograph.resize((4000, 3000)), "PNG")
    began = time.monotonic()
    with pytest.raises(ImageError, match=r"slow\.png: took longer than 0\.01 s"):
        decode_bytes(data, "slow.png", Limits(seconds=0.01))
    assert time.monotonic() - began < 2
    assert pixels_of(encoded(photograph, "PNG")).shape == (180, 240, 3)


def test_a_decoder_killed_from_outside_costs_no_image(photograph: Image.Image):
    data = encoded(photograph, "PNG")
    process.DECODERS.close()
    pixels_of(data)
    (killed,) = process.DECODERS._idle
    killed._process.kill()
    killed._process.wait()
    np.testing.assert_array_equal(pixels_of(data), np.asarray(photograph))
    assert killed not in process.DECODERS._idle


DYING = (
    "import sys; sys.stdin.buffer.read(9000); sys.stdout.buffer.write({answer!r}); sys.stdout.flush(); {end}"
)
HEADER = (
    b'{"width": 9, "height": 9, "turn": 1, "n_frames": 1, "orientation": 1, "format": "PNG", "mode": "RGB",'
    b' "warnings": [], "jpeg_tables": null}'
)
HUGE = HEADER.replace(b'"width": 9', b'"width": 90000')


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"H\xff\xff\xff\xff",
        b"H\0\0\0\2{}",
        b"H\0\0\0\4null",
        b"H" + struct.pack(">I", len(HEADER)) + HEADER + b"D\0\0\0\0",
        b"H" + struct.pack(">I", len(HEADER)) + HEADER + b"R\0\0\0\1x",
        b"H" + struct.pack(">I", len(HEADER)) + HEADER + b"R\0\1\0\0" + bytes(65536),
        b"H" + struct.pack(">I", len(HUGE)) + HUGE,
        b"H"
        + struct.pack(">I", len(HUGE))
        + HUGE.replace(b'90000, "height": 9,', b'-9, "height": -9,').ljust(len(HUGE)),
        b"H" + struct.pack(">I", len(HEADER)) + HEADER + b"E\0\0\0\1",
    ],
    ids=range(10),
)
def test_a_decoder_that_dies_or_lies_costs_one_image(
    photograph: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
):
    data = encoded(photograph, "PNG")
    process.DECODERS.close()
    (tmp_path / "dying.py").write_text(DYING.format(answer=answer, end="sys.exit(1)"))
    with monkeypatch.context() as patched:
        patched.setattr(process.DECODERS, "_program", tmp_path / "dying.py")
        with pytest.raises(ImageError, match=r"x\.png: made the process that reads it stop"):
            decode_bytes(data, "x.png")
    assert process.DECODERS._idle == []
    np.testing.assert_array_equal(pixels_of(data), np.asarray(photograph))


def test_memory_is_bounded_by_the_kernel(photograph: Image.Image):
    data = encoded(photograph.resize((4000, 3900)), "JPEG", quality=50)
    with pytest.raises(ImageError, match=r"big\.jpg: needs more than the 64 MiB"):
        decode_bytes(data, "big.jpg", Limits(memory_bytes=64 << 20))
    assert decode_bytes(data, "big.jpg").width == 4000


def test_threads_share_the_processes(shared: Path):
    paths = sorted((shared / "data/faces256/val/real").iterdir())[:16]
    expected = [decode(p).pixels for p in paths]
    wrong: list[Path] = []

    def check(start: int) -> None:
        for i in range(start, len(paths), 4):
            if not np.array_equal(decode(paths[i]).pixels, expected[i]):
                wrong.append(paths[i])

    threads = [threading.Thread(target=check, args=(s,)) for s in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_decodes_for_itself(photograph: Image.Image):
    data = encoded(photograph, "PNG")
    pixels_of(data)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(pixels_of(data), np.asarray(photograph)) else 1)
    for _ in range(5):
        np.testing.assert_array_equal(pixels_of(data), np.asarray(photograph))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
