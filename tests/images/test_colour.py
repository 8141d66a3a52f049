"""Every colour mode, depth, transparency and profile gives the RGB that a viewer shows."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from forensics.core.errors import ImageError
from forensics.images import decode, decode_bytes
from tests.images.encoded import encoded, pixels_of, png


def png_16_bit(samples: NDArray[np.uint16]) -> bytes:
    """A 16-bit PNG of [H, W], [H, W, 3] or [H, W, 4]; Pillow writes the grey one only."""
    height, width = samples.shape[:2]
    colour_type = {1: 0, 3: 2, 4: 6}[samples.size // (height * width)]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    return png(width, height, zlib.compress(rows, 1), colour_type=colour_type, depth=16)


@pytest.mark.parametrize(
    ("mode", "format"), [("L", "PNG"), ("L", "JPEG"), ("1", "PNG"), ("1", "TIFF"), ("P", "BMP")]
)
def test_grey_black_and_white_and_palette(photograph: Image.Image, mode: str, format: str):
    data = encoded(photograph.convert(mode), format)
    with Image.open(io.BytesIO(data)) as plain:
        expected = np.asarray(plain.convert("RGB"))
    image = decode_bytes(data, "grey")
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.mode == mode


def over_white(image: Image.Image) -> NDArray[np.float64]:
    rgba = np.asarray(image.convert("RGBA"), np.float64)
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_is_composited_over_white(photograph: Image.Image, mode: str):
    transparent = photograph.copy()
    transparent.putalpha(Image.linear_gradient("L").resize(photograph.size))
    transparent = transparent.convert("LA") if mode == "LA" else transparent
    if mode == "PA":
        data = encoded(transparent.quantize(64), "PNG")
        with Image.open(io.BytesIO(data)) as stored:
            transparent = stored.convert("RGBA")
    else:
        data = encoded(transparent, "PNG")
    image = decode_bytes(data, "transparent.png")
    assert np.abs(image.pixels - over_white(transparent)).max() <= 1
    assert "transparency was composited over white" in image.warnings


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_a_transparent_colour_becomes_white(photograph: Image.Image, mode: str):
    """PNG tRNS: one colour of the image counts as transparent."""
    source = photograph.convert(mode)
    if mode == "P":
        source = photograph.quantize(32)
    key = source.getpixel((0, 0))
    image = decode_bytes(encoded(source, "PNG", transparency=key), "keyed.png")
    keyed = np.all(np.asarray(source).reshape(180, 240, -1) == np.asarray(key), axis=-1)
    assert keyed.any()
    assert (image.pixels[keyed] == 255).all()
    np.testing.assert_array_equal(image.pixels[~keyed], np.asarray(source.convert("RGB"))[~keyed])


def test_16_bit_samples_are_scaled_not_clipped(photograph: Image.Image, tmp_path: Path):
    import tifffile

    low = np.random.default_rng(0).integers(0, 256, (180, 240, 3), np.uint16)
    rgb = np.asarray(photograph, np.uint16) << 8 | low
    grey = rgb[..., 1]
    alpha = np.full((180, 240, 1), 65535, np.uint16)
    tifffile.imwrite(tmp_path / "rgb.tif", rgb, photometric="rgb")
    tifffile.imwrite(tmp_path / "grey-le.tif", grey, byteorder="<")
    tifffile.imwrite(tmp_path / "grey-be.tif", grey, byteorder=">")
    tifffile.imwrite(tmp_path / "grey-inverted.tif", 65535 - grey, photometric="miniswhite", byteorder="<")
    (tmp_path / "rgb.png").write_bytes(png_16_bit(rgb))
    (tmp_path / "rgba.png").write_bytes(png_16_bit(np.concatenate([rgb, alpha], axis=-1)))
    (tmp_path / "grey.png").write_bytes(png_16_bit(grey))
    for path in sorted(tmp_path.iterdir()):
        image = decode(path)
        expected = np.asarray(photograph)
        if path.name.startswith("grey"):
            expected = np.repeat(expected[..., 1:2], 3, axis=-1)
        np.testing.assert_array_equal(image.pixels, expected, err_msg=path.name)
        assert any("8 bits" in w for w in image.warnings), path.name


def test_32_bit_samples_are_refused_with_a_remedy(photograph: Image.Image):
    data = encoded(photograph.convert("F"), "TIFF")
    with pytest.raises(ImageError, match="no agreed range; convert it"):
        decode_bytes(data, "float.tif")


def test_cmyk_is_inverted_in_jpeg_and_not_in_tiff(photograph: Image.Image):
    cmyk = photograph.convert("CMYK")
    jpeg = encoded(cmyk, "JPEG", quality=98, subsampling=0)
    assert b"Adobe" in jpeg[:20]
    for data in (jpeg, encoded(cmyk, "TIFF"), encoded(cmyk, "TIFF", compression="tiff_lzw")):
        image = decode_bytes(data, "cmyk")
        assert image.mode == "CMYK"
        assert np.abs(image.pixels.astype(int) - np.asarray(photograph)).mean() < 2


def matrix_profile(gamma: float, primaries: NDArray[np.float64]) -> bytes:
    """A minimal ICC v2.1 display profile: columns of `primaries` are the D50 XYZ of red, green and blue."""

    def xyz(values: NDArray[np.float64]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    name = b"wide test space\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(8 + 3 + 67),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": xyz(np.array([0.9642, 1.0, 0.8249])),
    }
    for column, letter in enumerate("rgb"):
        tags[f"{letter}XYZ".encode()] = xyz(primaries[:, column])
        curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
        tags[f"{letter}TRC".encode()] = curve + b"\0\0"
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for key, value in tags.items():
        value += bytes(-len(value) % 4)
        table += key + struct.pack(">II", at + len(body), len(value))
        body += value
    header = struct.pack(">I4sI4s4s4s", at + len(body), b"none", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB_FROM_D50 = np.linalg.inv(
    np.array(
        [
            [0.4360747, 0.3850649, 0.1430804],
            [0.2225045, 0.7168786, 0.0606169],
            [0.0139322, 0.0971045, 0.7141733],
        ]
    )
)


def test_a_wide_profile_is_converted_to_srgb(photograph: Image.Image):
    """Against the definition (IEC 61966-2-1): linearise, change primaries, encode."""
    profile = matrix_profile(2.19921875, ADOBE_RGB)
    data = encoded(photograph, "PNG", icc_profile=profile)
    image = decode_bytes(data, "wide.png")
    linear = (np.asarray(photograph) / 255.0) ** 2.19921875
    srgb = np.clip(linear @ (SRGB_FROM_D50 @ ADOBE_RGB).T, 0, 1)
    expected = 255 * np.where(srgb <= 0.0031308, 12.92 * srgb, 1.055 * srgb ** (1 / 2.4) - 0.055)
    assert np.abs(image.pixels - expected).max() <= 2
    assert np.abs(image.pixels - np.asarray(photograph).astype(float)).max() > 10
    assert any("wide test space" in w for w in image.warnings)


def test_a_profile_also_applies_under_transparency(photograph: Image.Image):
    profile = matrix_profile(2.19921875, ADOBE_RGB)
    opaque = photograph.copy()
    opaque.putalpha(255)
    np.testing.assert_array_equal(
        pixels_of(encoded(opaque, "PNG", icc_profile=profile)),
        pixels_of(encoded(photograph, "PNG", icc_profile=profile)),
    )


def test_an_srgb_profile_changes_no_pixel(photograph: Image.Image):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = decode_bytes(encoded(photograph, "PNG", icc_profile=profile), "srgb.png")
    np.testing.assert_array_equal(image.pixels, np.asarray(photograph))
    assert image.warnings == ()


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (b"not a profile", "damaged"),
        (matrix_profile(2.2, ADOBE_RGB)[:200], "damaged"),
        (bytes(5 << 20), "larger than 4 MiB"),
    ],
    ids=["garbage", "cut", "huge"],
)
def test_a_broken_profile_is_a_warning(photograph: Image.Image, profile: bytes, said: str):
    image = decode_bytes(encoded(photograph, "TIFF", icc_profile=profile), "broken.tif")
    np.testing.assert_array_equal(image.pixels, np.asarray(photograph))
    assert any(said in w for w in image.warnings)


def test_a_profile_of_another_colour_space_is_a_warning(photograph: Image.Image):
    image = decode_bytes(
        encoded(photograph.convert("L"), "PNG", icc_profile=matrix_profile(2.2, ADOBE_RGB)), "grey.png"
    )
    assert any("another colour space" in w for w in image.warnings)
