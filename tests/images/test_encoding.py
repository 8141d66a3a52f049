"""Encoders that repeat their bytes, resizing, and contact sheets."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from forensics.images import contact_sheet, encode_jpeg, encode_png, resize
from tests.images.encoded import encoded, pixels_of


def test_encoders_repeat_their_bytes_and_carry_no_metadata(photograph: Image.Image):
    pixels = np.asarray(photograph)
    assert encode_png(pixels) == encode_png(pixels.copy())
    np.testing.assert_array_equal(pixels_of(encode_png(pixels)), pixels)
    assert encode_jpeg(pixels, 90) == encode_jpeg(pixels[:, ::-1][:, ::-1], 90)
    assert encode_jpeg(pixels, 90) == encoded(photograph, "JPEG", quality=90, subsampling="4:2:0")
    assert encode_jpeg(pixels, 90, "4:4:4") != encode_jpeg(pixels, 90, "4:2:0")
    with Image.open(io.BytesIO(encode_png(pixels))) as plain:
        assert plain.info == {}


def test_encoders_refuse_what_is_not_an_image():
    with pytest.raises(ValueError, match="uint8"):
        encode_png(np.zeros((4, 4, 3), np.float32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="quality"):
        encode_jpeg(np.zeros((4, 4, 3), np.uint8), 0)
    with pytest.raises(ValueError, match="subsampling"):
        encode_jpeg(np.zeros((4, 4, 3), np.uint8), 90, "4:1:1")


def test_resize_takes_a_size_a_side_or_a_scale(photograph: Image.Image):
    pixels = np.asarray(photograph)
    assert resize(pixels, (90, 60)).shape == (90, 60, 3)
    assert resize(pixels, 90).shape == (90, 120, 3)
    assert resize(pixels, 0.5).shape == (90, 120, 3)
    np.testing.assert_array_equal(
        resize(pixels, 0.5, "lanczos"), np.asarray(photograph.resize((120, 90), Image.Resampling.LANCZOS))
    )
    for impossible in (0, -1.0, (0, 3), float("nan")):
        with pytest.raises(ValueError):
            resize(pixels, impossible)
    with pytest.raises(ValueError, match="resample"):
        resize(pixels, 0.5, "cubic")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=9), st.integers(1, 5))
def test_a_contact_sheet_holds_every_image(sizes: list[tuple[int, int]], columns: int):
    images = [np.full((h, w, 3), i + 1, np.uint8) for i, (h, w) in enumerate(sizes)]
    sheet = contact_sheet(images, columns=columns, gap_px=2, background=255)
    for i, (h, w) in enumerate(sizes):
        assert (sheet == i + 1).all(axis=-1).sum() == h * w
    cells = min(columns, len(images))
    assert sheet.shape[1] == cells * (max(w for _, w in sizes) + 2) + 2
