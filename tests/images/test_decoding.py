"""Every format, page and orientation gives the pixels that a viewer shows."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from forensics.core.files import sha256_bytes, sha256_file
from forensics.images import DecodedImage, decode, decode_bytes, decode_many, find_images
from tests.images.encoded import encoded

LOSSLESS = [
    ("PNG", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("WEBP", {"lossless": True}),
]


@pytest.mark.parametrize(("format", "options"), LOSSLESS, ids=lambda v: str(v))
def test_lossless_formats_give_the_photograph_back(
    photograph: Image.Image, format: str, options: dict[str, object]
):
    data = encoded(photograph, format, **options)
    image = decode_bytes(data, "photo")
    np.testing.assert_array_equal(image.pixels, np.asarray(photograph))
    assert (image.format, image.mode, image.width, image.height) == (format, "RGB", 240, 180)
    assert (image.n_frames, image.orientation, image.warnings, image.jpeg_tables) == (1, 1, (), None)
    assert (image.sha256, image.n_bytes) == (sha256_bytes(data), len(data))


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_gives_libjpegs_pixels_and_its_tables(photograph: Image.Image, progressive: bool):
    data = encoded(photograph, "JPEG", quality=90, progressive=progressive)
    image = decode_bytes(data, "photo.jpg")
    with Image.open(io.BytesIO(data)) as plain:
        np.testing.assert_array_equal(image.pixels, np.asarray(plain))
        assert image.jpeg_tables == tuple(tuple(plain.quantization[k]) for k in sorted(plain.quantization))
    assert image.format == "JPEG"
    assert len(image.jpeg_tables or ()) == 2


def test_originals_from_the_web_decode_as_pillow_decodes_them(shared: Path):
    paths = find_images([shared / "data/originals1024"]).paths
    assert len(paths) == 30
    for item in decode_many(paths[::5], workers=2):
        assert isinstance(item, DecodedImage)
        with Image.open(item.path) as plain:
            np.testing.assert_array_equal(item.pixels, np.asarray(plain.convert("RGB")))
        assert item.sha256 == sha256_file(Path(item.path))


def test_gif_gives_the_first_frame_and_says_so(photograph: Image.Image):
    first = photograph.quantize(64)
    others = [photograph.rotate(90 * k).quantize(64) for k in (1, 2)]
    image = decode_bytes(encoded(first, "GIF", save_all=True, append_images=others), "moving.gif")
    np.testing.assert_array_equal(image.pixels, np.asarray(first.convert("RGB")))
    assert image.n_frames == 3
    assert any("first of 3 frames" in w for w in image.warnings)


@pytest.mark.parametrize("format", ["TIFF", "PNG", "WEBP"])
def test_pages_and_animations_give_the_first_frame(photograph: Image.Image, format: str):
    options = {"lossless": True} if format == "WEBP" else {}
    others = [ImageOps.mirror(photograph), ImageOps.flip(photograph)]
    image = decode_bytes(encoded(photograph, format, save_all=True, append_images=others, **options), "many")
    np.testing.assert_array_equal(image.pixels, np.asarray(photograph))
    assert image.n_frames == 3


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(photograph: Image.Image, format: str, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(format, {})
    data = encoded(photograph, format, exif=exif, **options)
    image = decode_bytes(data, "turned")
    with Image.open(io.BytesIO(data)) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.orientation == orientation
    assert (
        (image.height, image.width)
        == ((240, 180) if orientation >= 5 else (180, 240))
        == image.pixels.shape[:2]
    )


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_impossible_orientation_is_ignored_with_a_warning(photograph: Image.Image, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode_bytes(encoded(photograph, "JPEG", exif=exif), "odd.jpg")
    assert image.orientation == 1
    assert any("orientation" in w for w in image.warnings)


def test_what_a_file_is_called_does_not_matter(photograph: Image.Image, tmp_path: Path):
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(encoded(photograph, "PNG"))
    assert decode(path).format == "PNG"
