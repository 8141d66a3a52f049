"""What happens to photographs on their way: recompression, resizing, cropping, and the chains of messengers.

A perturbation is named by its kind and strength: `jpeg70`, `resize75`, `blur1.5`; a bare kind (`jpeg`) draws its
strength for each image. What is drawn depends on (seed, name, sha256 of the file) alone, never on the label, the
order or the company, so both classes are treated alike and a run can be repeated; every draw is returned to be kept.
Images are uint8 [H, W, 3] RGB in and out.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from forensics.core.errors import ForensicsError

Pixels = NDArray[np.uint8]
Draws = dict[str, float | int | str]
_Apply = Callable[[Pixels, float, np.random.Generator], tuple[Pixels, Draws]]


@dataclass(frozen=True)
class Kind:
    """One family of perturbations: the strengths it allows, those a bare name draws from, and how it is done."""

    meaning: str
    allowed: tuple[float, float]
    drawn: tuple[float, float]
    whole: bool  # strengths are whole numbers
    apply: _Apply


@dataclass(frozen=True)
class Perturbation:
    """A kind and its strength; None: drawn for each image."""

    kind: str
    strength: float | None

    @property
    def name(self) -> str:
        """The name it is asked for by, such as jpeg70."""
        return self.kind if self.strength is None else f"{self.kind}{self.strength:g}"

    @property
    def meaning(self) -> str:
        """What is done, in words."""
        kind = KINDS[self.kind]
        low, high = kind.drawn
        drawn = f"{low:g}" if low == high else f"drawn from {low:g} to {high:g} for each image"
        which = drawn if self.strength is None else f"{self.strength:g}"
        return f"{kind.meaning} ({which})"


def _encoded(pixels: Pixels, **options: object) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, **options)  # type: ignore[arg-type]
    with Image.open(buffer) as image:
        return np.asarray(image.convert("RGB"))


def _jpeg(pixels: Pixels, quality: float, _: np.random.Generator) -> tuple[Pixels, Draws]:
    after = _encoded(pixels, format="JPEG", quality=int(quality), subsampling="4:2:0")
    return after, {"quality": int(quality), "subsampling": "4:2:0"}


def _webp(pixels: Pixels, quality: float, _: np.random.Generator) -> tuple[Pixels, Draws]:
    return _encoded(pixels, format="WEBP", quality=int(quality), method=4), {"quality": int(quality)}


def _sized(pixels: Pixels, width: int, height: int) -> Pixels:
    size = max(1, width), max(1, height)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def _scale(pixels: Pixels, percent: float, _: np.random.Generator) -> tuple[Pixels, Draws]:
    height, width = (round(side * percent / 100) for side in pixels.shape[:2])
    return _sized(pixels, width, height), {"percent": percent, "filter": "bicubic"}


def _resize(pixels: Pixels, percent: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
    there, draws = _scale(pixels, percent, rng)
    return _sized(there, pixels.shape[1], pixels.shape[0]), draws


def _crop(pixels: Pixels, percent: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
    height, width = (max(1, round(side * percent / 100)) for side in pixels.shape[:2])
    top = int(rng.integers(0, pixels.shape[0] - height + 1))
    left = int(rng.integers(0, pixels.shape[1] - width + 1))
    kept = pixels[top : top + height, left : left + width]
    return np.ascontiguousarray(kept), {"percent": percent, "top": top, "left": left}


def _blur(pixels: Pixels, sigma_px: float, _: np.random.Generator) -> tuple[Pixels, Draws]:
    from scipy.ndimage import gaussian_filter

    after = gaussian_filter(pixels.astype(np.float32), sigma=(sigma_px, sigma_px, 0))
    return _levels(after), {"sigma_px": sigma_px}


def _noise(pixels: Pixels, sigma_levels: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
    grain = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(sigma_levels)
    return _levels(pixels + grain), {"sigma_levels": sigma_levels}


def _gamma(pixels: Pixels, gamma: float, _: np.random.Generator) -> tuple[Pixels, Draws]:
    table = _levels(255 * (np.arange(256) / 255) ** gamma)
    return np.take(table, pixels), {"gamma": gamma}


def _double_jpeg(pixels: Pixels, quality: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
    """JPEG, then 1 to 7 rows and columns off the top left so that the block grids differ, then JPEG again."""
    first = int(rng.integers(75, 96))
    dy, dx = (int(rng.integers(1, 8)) if side > 8 else 0 for side in pixels.shape[:2])
    between = np.ascontiguousarray(_jpeg(pixels, first, rng)[0][dy:, dx:])
    after, draws = _jpeg(between, quality, rng)
    return after, {**draws, "first_quality": first, "dy": dy, "dx": dx}


def _history(pixels: Pixels, quality: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
    """JPEG at the size of an original (shorter side 1024 px), and back: a past that survives being made smaller.

    Where only one class has such a past (photographs kept as JPEG, samples as PNG, both then reduced), chroma alone
    tells the classes apart; with the same past for both, it no longer does.
    """
    height, width = pixels.shape[:2]
    scale = max(1.0, _ORIGINAL_PX / min(height, width))
    original = _sized(pixels, round(width * scale), round(height * scale))
    after, draws = _jpeg(original, quality, rng)
    del draws["subsampling"]  # of the original, not of what is examined
    return _sized(after, width, height), {**draws, "original_px": min(original.shape[:2])}


def _messenger(pixels: Pixels, quality: float, rng: np.random.Generator) -> tuple[Pixels, Draws]:
    """What a messenger does: make it smaller (to 50-90 % of each side), JPEG, and nothing else left in the file."""
    percent = round(float(rng.uniform(50, 90)), 1)
    smaller, scaled = _scale(pixels, percent, rng)
    after, draws = _jpeg(smaller, quality, rng)
    return after, {**scaled, **draws}


def _levels(values: NDArray[np.floating]) -> Pixels:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


def _unchanged(pixels: Pixels, _: float, __: np.random.Generator) -> tuple[Pixels, Draws]:
    return pixels, {}


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "none": Kind("as decoded", (0, 0), (0, 0), True, _unchanged),
        "jpeg": Kind("JPEG at this quality, 4:2:0", (1, 100), (30, 95), True, _jpeg),
        "webp": Kind("lossy WebP at this quality", (1, 100), (30, 95), True, _webp),
        "resize": Kind("to this percentage of each side, and back", (5, 400), (25, 150), True, _resize),
        "scale": Kind("to this percentage of each side", (5, 400), (25, 150), True, _scale),
        "crop": Kind("this percentage of each side kept, anywhere", (5, 100), (50, 95), True, _crop),
        "blur": Kind("Gaussian of this sigma in pixels", (0.1, 20), (0.5, 3), False, _blur),
        "noise": Kind("Gaussian of this sigma in grey levels", (0.1, 100), (2, 16), False, _noise),
        "gamma": Kind("values to this power", (0.1, 10), (0.6, 1.6), False, _gamma),
        "doublejpeg": Kind("JPEG 75-95, off the grid, JPEG at this quality", (1, 100), (50, 95), True, _double_jpeg),
        "history": Kind("JPEG at this quality at 1024 px, and back", (1, 100), (60, 95), True, _history),
        "messenger": Kind("50-90 % of each side, JPEG at this quality", (1, 100), (70, 70), True, _messenger),
    }
)  # fmt: skip

_ORIGINAL_PX = 1024
_NAME = re.compile(r"([a-z]+)(\d+(?:\.\d+)?)?")


def parse(names: str) -> tuple[Perturbation, ...]:
    """Perturbations from comma-separated names (`jpeg70,resize75,blur`), each once. ForensicsError: unknown name."""
    return tuple(dict.fromkeys(_parse_one(name.strip()) for name in names.split(",") if name.strip()))


def _parse_one(name: str) -> Perturbation:
    match = _NAME.fullmatch(name)
    kind = KINDS.get(match[1]) if match else None
    if match is None or kind is None:
        raise ForensicsError(
            f"unknown perturbation {name!r}: one of {', '.join(KINDS)}, with a strength as in jpeg70"
        )
    if match[2] is None:
        return Perturbation(match[1], None)
    strength, (low, high) = float(match[2]), kind.allowed
    if kind.apply is _unchanged or not low <= strength <= high or (kind.whole and strength != int(strength)):
        number = "a whole number" if kind.whole else "a number"
        raise ForensicsError(
            f"perturbation {name!r}: {match[1]} takes {number} from {low:g} to {high:g} ({kind.meaning})"
        )
    return Perturbation(match[1], strength)


def perturb(pixels: Pixels, perturbation: Perturbation, *, seed: int, sha256: str) -> tuple[Pixels, Draws]:
    """The perturbed image and everything that was drawn or fixed. `sha256` (hex) is that of the image's file."""
    kind = KINDS[perturbation.kind]
    name = int.from_bytes(perturbation.name.encode(), "big")
    rng = np.random.default_rng([seed, name, int(sha256, 16)])
    strength = perturbation.strength
    if strength is None:
        low, high = kind.drawn
        strength = (
            float(rng.integers(int(low), int(high) + 1))
            if kind.whole
            else round(float(rng.uniform(low, high)), 2)
        )
    return kind.apply(pixels, strength, rng)
