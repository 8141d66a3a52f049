"""Each perturbation does what its name says, by reading back quantisation tables and measuring, on a photograph."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from forensics.benchmarks.perturbations import compression
from forensics.benchmarks.perturbations.contract import PerturbationMethod, Pixels
from forensics.benchmarks.perturbations.named import Perturbation, parse, perturb
from forensics.core.errors import ForensicsError
from forensics.core.registry import Method, methods


@pytest.fixture(scope="module")
def photograph() -> Pixels:
    """NASA's portrait of Eileen Collins, as scikit-image ships it, 256 px."""
    from skimage.data import astronaut

    return np.asarray(Image.fromarray(astronaut()).resize((256, 256), Image.Resampling.BICUBIC))


SHA256 = hashlib.sha256(b"a photograph").hexdigest()


def apply(pixels: Pixels, name: str, seed: int = 0, sha256: str = SHA256) -> Pixels:
    return perturb(pixels, parse(name)[0], seed=seed, sha256=sha256)[0]


def psnr_db(a: Pixels, b: Pixels) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


@pytest.mark.parametrize("quality", [95, 90, 75, 70, 50, 30])
def test_jpeg_quality_is_in_the_quantisation_tables(
    photograph: Pixels, quality: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 11: a quality that never reaches the encoder. libjpeg's own scaling of Annex K gives the expected table."""
    files = []
    real_open = Image.open

    def keeping(buffer: io.BytesIO) -> Image.Image:
        files.append(buffer.getvalue())
        return real_open(buffer)

    monkeypatch.setattr(compression.Image, "open", keeping)
    apply(photograph, f"jpeg{quality}")
    written = real_open(io.BytesIO(files[0]))
    first_row = np.array([16, 11, 10, 16, 24, 40, 51, 61])  # ITU-T T.81 table K.1
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    expected = np.clip((first_row * scale + 50) // 100, 1, 255)
    assert written.quantization[0][:8] == expected.tolist()  # type: ignore[attr-defined]
    assert [c[1:3] for c in written.layer] == [(2, 2), (1, 1), (1, 1)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "milder_to_harsher",
    [
        ["jpeg95", "jpeg75", "jpeg50", "jpeg30"],
        ["webp95", "webp75", "webp50", "webp30"],
        ["resize90", "resize75", "resize50", "resize25"],
        ["blur0.5", "blur1", "blur2", "blur4"],
        ["noise2", "noise5", "noise10", "noise20"],
        ["gamma0.95", "gamma0.8", "gamma0.6"],
        ["gamma1.05", "gamma1.3", "gamma1.8"],
    ],
)
def test_psnr_falls_with_severity(photograph: Pixels, milder_to_harsher: list[str]) -> None:
    values = [psnr_db(apply(photograph, name), photograph) for name in milder_to_harsher]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == len(values)


def test_noise_has_the_sigma_asked_for(photograph: Pixels) -> None:
    middle = np.full_like(photograph, 128)
    residual = apply(middle, "noise8").astype(float) - 128
    assert residual.std() == pytest.approx(8, rel=0.02)
    assert residual.mean() == pytest.approx(0, abs=0.1)


def test_blur_has_the_sigma_asked_for(photograph: Pixels) -> None:
    """The spread of a blurred line is its sigma."""
    line = np.zeros((64, 65, 3), np.uint8)
    line[:, 32] = 255
    profile = apply(line, "blur3")[32, :, 0].astype(float)
    x = np.arange(65) - 32
    assert np.sqrt((profile * x**2).sum() / profile.sum()) == pytest.approx(3, rel=0.05)


def test_gamma_by_hand(photograph: Pixels) -> None:
    assert apply(np.full((2, 2, 3), 128, np.uint8), "gamma2")[0, 0, 0] == round(255 * (128 / 255) ** 2)


def test_sizes(photograph: Pixels) -> None:
    assert apply(photograph, "resize75").shape == photograph.shape
    assert apply(photograph, "scale75").shape == (192, 192, 3)
    assert apply(photograph, "scale150").shape == (384, 384, 3)
    assert apply(photograph, "crop50").shape == (128, 128, 3)
    assert apply(np.ascontiguousarray(photograph[:3, :5]), "scale5").shape == (1, 1, 3)


def test_crop_is_a_piece_of_the_image(photograph: Pixels) -> None:
    piece, draws = perturb(photograph, parse("crop60")[0], seed=1, sha256=SHA256)
    top, left = int(draws["top"]), int(draws["left"])
    assert (piece == photograph[top : top + 154, left : left + 154]).all()


def test_double_jpeg_is_off_the_grid(photograph: Pixels) -> None:
    places = set()
    for k in range(40):
        after, draws = perturb(photograph, parse("doublejpeg80")[0], seed=k, sha256=SHA256)
        assert after.shape == (256 - int(draws["dy"]), 256 - int(draws["dx"]), 3)
        assert 1 <= int(draws["dy"]) <= 7
        assert 1 <= int(draws["dx"]) <= 7
        assert draws["quality"] == 80
        places.add((draws["dy"], draws["dx"]))
    assert len(places) > 10


def test_history_is_a_jpeg_at_the_size_of_an_original(photograph: Pixels) -> None:
    """Resizing there and back changes little; the JPEG in between lowers chroma more than luminance."""
    small = np.ascontiguousarray(photograph[:200, :128])
    after, draws = perturb(small, parse("history75")[0], seed=0, sha256=SHA256)
    assert after.shape == small.shape
    assert draws == {"quality": 75, "original_px": 1024}
    assert psnr_db(apply(photograph, "history95"), photograph) > psnr_db(
        apply(photograph, "history40"), photograph
    )

    def detail(pixels: Pixels) -> tuple[float, float]:
        y, cb, _ = Image.fromarray(pixels).convert("YCbCr").split()
        return tuple(float(np.abs(np.diff(np.asarray(c, float), axis=1)).mean()) for c in (y, cb))  # type: ignore[return-value]

    (y, cb), (y_after, cb_after) = detail(photograph), detail(apply(photograph, "history60"))
    assert cb_after / cb < y_after / y


def test_messenger_makes_smaller_and_recompresses(photograph: Pixels) -> None:
    after, draws = perturb(photograph, parse("messenger")[0], seed=0, sha256=SHA256)
    assert draws["quality"] == 70
    assert after.shape[0] == round(256 * float(draws["percent"]) / 100)


@pytest.mark.parametrize("name", ["doublejpeg60", "messenger", "messenger40", "history75"])
def test_the_quality_of_chains_reaches_the_encoder(
    photograph: Pixels, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read back from every file that was written on the way: libjpeg's table of the quality that is recorded."""
    tables = []
    real_open = Image.open

    def keeping(buffer: io.BytesIO) -> Image.Image:
        tables.append(real_open(io.BytesIO(buffer.getvalue())).quantization[0])  # type: ignore[attr-defined]
        return real_open(buffer)

    monkeypatch.setattr(compression.Image, "open", keeping)
    _, draws = perturb(photograph, parse(name)[0], seed=0, sha256=SHA256)
    qualities = [draws[k] for k in ("first_quality", "quality") if k in draws]
    assert len(tables) == len(qualities)
    for table, quality in zip(tables, qualities, strict=True):
        scale = 5000 // int(quality) if int(quality) < 50 else 200 - 2 * int(quality)
        assert table[0] == (16 * scale + 50) // 100
        assert table[63] == min(255, (99 * scale + 50) // 100)


@pytest.mark.parametrize("method", methods("perturbation"), ids=lambda m: m.name)
def test_every_one_keeps_the_contract(photograph: Pixels, method: Method) -> None:
    """Bounds within which it draws; the same again; pixels that it was given are left alone; plain draws."""
    assert issubclass(method.target, PerturbationMethod)
    (low, high), (least, most) = method.target.allowed, method.target.drawn
    assert low <= least <= most <= high
    bare, before = Perturbation(method.name, None), photograph.copy()
    first, draws = perturb(photograph, bare, seed=3, sha256=SHA256)
    perturb(photograph[::-1].copy(), bare, seed=9, sha256=SHA256)  # another image in between
    again, draws_again = perturb(photograph, bare, seed=3, sha256=SHA256)
    assert draws == draws_again
    assert (first == again).all()
    assert first.dtype == np.uint8
    assert first.flags.c_contiguous
    assert (photograph == before).all()
    assert all(isinstance(value, int | float | str) for value in draws.values())


@pytest.mark.parametrize(
    "kind", ["jpeg", "webp", "resize", "scale", "crop", "blur", "noise", "gamma", "doublejpeg", "history"]
)
def test_bare_names_draw_within_their_range(photograph: Pixels, kind: str) -> None:
    small = np.ascontiguousarray(photograph[:32, :32])
    low, high = Perturbation(kind, None).method.drawn
    key = {"jpeg": "quality", "webp": "quality", "doublejpeg": "quality", "blur": "sigma_px",
           "noise": "sigma_levels", "gamma": "gamma", "history": "quality"}.get(kind, "percent")  # fmt: skip
    drawn = []
    for k in range(60):
        sha256 = hashlib.sha256(str(k).encode()).hexdigest()
        drawn.append(float(perturb(small, Perturbation(kind, None), seed=0, sha256=sha256)[1][key]))
    assert low <= min(drawn) < low + (high - low) / 4
    assert high - (high - low) / 4 < max(drawn) <= high


def test_meanings_say_what_is_done() -> None:
    jpeg, blur = parse("jpeg70,blur")
    assert jpeg.meaning == "JPEG at this quality, 4:2:0 (70)"
    assert blur.meaning.endswith("(drawn from 0.5 to 3 for each image)")
    assert parse("messenger")[0].meaning.endswith("(70)")


def test_names() -> None:
    assert [p.name for p in parse("jpeg70, resize75,blur1.5,none,jpeg,jpeg70")] == [
        "jpeg70", "resize75", "blur1.5", "none", "jpeg",
    ]  # fmt: skip
    assert parse("") == ()


@pytest.mark.parametrize(
    "name", ["jpg", "jpeg0", "jpeg101", "jpeg70.5", "none3", "70", "jpeg-5", "blur99", "JPEG70"]
)
def test_unusable_names_are_refused(name: str) -> None:
    with pytest.raises(ForensicsError, match=name):
        parse(name)


def test_a_strip_is_not_enlarged_without_bound() -> None:
    """One pixel wide and 30,000 high: at a shorter side of 1024 px it would need 90 GB."""
    strip = np.zeros((30_000, 1, 3), np.uint8)
    after, draws = perturb(strip, parse("history75")[0], seed=0, sha256=SHA256)
    assert after.shape == strip.shape
    assert draws["original_px"] == 1
