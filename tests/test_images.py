"""Every format, colour space, depth and orientation gives the pixels a viewer shows; folders, sheets and encoders."""

from __future__ import annotations

import io
import os
import struct
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from forensics.errors import ImageError
from forensics.files import sha256_bytes, sha256_file
from forensics.images import (
    DecodedImage,
    ImageFailure,
    Limits,
    contact_sheet,
    decode,
    decode_bytes,
    decode_many,
    encode_jpeg,
    encode_png,
    find_images,
    process,
    resize,
)


@pytest.fixture(scope="session")
def photograph(shared: Path) -> Image.Image:
    """A photographed face, 240 x 180 px: not square, so that a turn shows in the shape."""
    with Image.open(shared / "data/faces256/val/real/0000.png") as image:
        return image.convert("RGB").crop((8, 40, 248, 220))


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def pixels_of(data: bytes) -> NDArray[np.uint8]:
    return decode_bytes(data, "in memory").pixels


def png_16_bit(samples: NDArray[np.uint16]) -> bytes:
    """A 16-bit PNG of [H, W], [H, W, 3] or [H, W, 4]; Pillow writes the grey one only."""
    height, width = samples.shape[:2]
    colour_type = {1: 0, 3: 2, 4: 6}[samples.size // (height * width)]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 1))
        + chunk(b"IEND", b"")
    )


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


def test_what_a_file_is_called_does_not_matter(photograph: Image.Image, tmp_path: Path):
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(encoded(photograph, "PNG"))
    assert decode(path).format == "PNG"


# --- many files, and the decoding processes -------------------------------------------------------------------------


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
    process.close_all()
    pixels_of(data)
    (first,) = process._idle
    for _ in range(3):
        pixels_of(data)
    assert process._idle == [first]


def test_a_slow_decode_is_given_up_and_the_next_image_decodes(photograph: Image.Image):
    data = encoded(photograph.resize((4000, 3000)), "PNG")
    began = time.monotonic()
    with pytest.raises(ImageError, match=r"slow\.png: took longer than 0\.01 s"):
        decode_bytes(data, "slow.png", Limits(seconds=0.01))
    assert time.monotonic() - began < 2
    assert pixels_of(encoded(photograph, "PNG")).shape == (180, 240, 3)


def test_a_decoder_killed_from_outside_costs_no_image(photograph: Image.Image):
    data = encoded(photograph, "PNG")
    process.close_all()
    pixels_of(data)
    (killed,) = process._idle
    killed._child.kill()
    killed._child.wait()
    np.testing.assert_array_equal(pixels_of(data), np.asarray(photograph))
    assert killed not in process._idle


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
    process.close_all()
    (tmp_path / "dying.py").write_text(DYING.format(answer=answer, end="sys.exit(1)"))
    with monkeypatch.context() as patched:
        patched.setattr(process, "_WORKER", tmp_path / "dying.py")
        with pytest.raises(ImageError, match=r"x\.png: made the decoder stop"):
            decode_bytes(data, "x.png")
    assert process._idle == []
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


# --- folders --------------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path, photograph: Image.Image) -> Path:
    data = encoded(photograph, "PNG")
    for file in ("b.png", "a.JPG", "sub/c.png", "sub/thumbs/d.png", "no-suffix", "z/e.webp"):
        (tmp_path / file).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / file).write_bytes(data)
    (tmp_path / "README.md").write_text("about these photographs")
    (tmp_path / "BMW.txt").write_text("BM is also how a bitmap begins")
    return tmp_path


def names(tree: Path, **globs: list[str]) -> list[str]:
    return [p.relative_to(tree).as_posix() for p in find_images([tree], **globs).paths]


def test_folders_are_recursive_and_sorted_and_files_stay_as_named(tree: Path):
    assert names(tree) == ["a.JPG", "b.png", "no-suffix", "sub/c.png", "sub/thumbs/d.png", "z/e.webp"]
    found = find_images([tree / "z", tree / "README.md", tree / "gone.png", tree / "b.png"])
    assert found.paths == [tree / "z/e.webp", tree / "README.md", tree / "gone.png", tree / "b.png"]
    assert found.failures == []


def test_include_and_exclude(tree: Path):
    assert names(tree, include=["*.png"], exclude=["*/thumbs/*"]) == ["b.png", "sub/c.png"]
    assert names(tree, include=["sub/*"], exclude=["d.*"]) == ["sub/c.png"]


def test_loops_are_named_once_and_not_entered(tree: Path):
    plain = names(tree)
    (tree / "sub/up").symlink_to(tree)
    (tree / "sub/self").symlink_to("self")
    (tree / "z/other").symlink_to(tree / "sub/thumbs")
    found = find_images([tree])
    assert [p.relative_to(tree).as_posix() for p in found.paths] == plain
    assert [f.path for f in found.failures] == [str(tree / "sub/up")]
    assert "own parents" in found.failures[0].message


# --- encoding and arranging -----------------------------------------------------------------------------------------


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
