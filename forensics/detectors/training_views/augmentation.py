"""What training does to an image before a network sees it, drawn alike for both classes.

Blur and JPEG as in Wang et al. 2020 (arXiv 1912.11035), resizing, mild changes of tone and grain: so that nothing that
a messenger or a social network does to a picture tells the classes apart, nor hides what does.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from forensics.core.files import sha256_bytes

Pixels = NDArray[np.uint8]

_FILTERS: Final = (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS)
_CHROMA: Final = ("4:4:4", "4:2:0")
SMALLEST_DEGRADED_PX: Final = 96


@dataclass(frozen=True)
class Augmentation:
    """Probabilities and ranges. Each step is drawn by itself; the order is the order of the fields."""

    history_p: float = 0.35  # a JPEG file at a larger size, as photographs and downloads have been
    history_scale: tuple[float, float] = (1.5, 3.0)
    history_quality: tuple[int, int] = (60, 98)
    resize_p: float = 0.4
    resize_scale: tuple[float, float] = (0.5, 1.25)
    resize_back_p: float = 0.6  # after resizing, back to the old size
    blur_p: float = 0.1
    blur_sigma_px: tuple[float, float] = (0.1, 1.0)
    tone_p: float = 0.2
    tone_range: float = 0.15  # contrast and brightness, each 1 ± this
    grain_p: float = 0.1
    grain_levels: float = 3.0  # largest standard deviation
    jpeg_p: float = 0.5
    jpeg_quality: tuple[int, int] = (50, 100)

    def degrade(self, pixels: Pixels, rng: np.random.Generator, smallest_px: int) -> Pixels:
        """`pixels` uint8 [h, w, 3] degraded by the draws of `rng`; its shorter side stays at least `smallest_px`."""
        image = Image.fromarray(pixels)
        if rng.random() < self.history_p:
            image = self._with_history(image, rng)
        if rng.random() < self.resize_p:
            image = self._resized(image, rng, smallest_px)
        if rng.random() < self.blur_p:
            image = image.filter(ImageFilter.GaussianBlur(rng.uniform(*self.blur_sigma_px)))
        if rng.random() < self.tone_p:
            image = self._toned(image, rng)
        if rng.random() < self.grain_p:
            image = self._grained(image, rng)
        if rng.random() < self.jpeg_p:
            image = _through_jpeg(image, self.jpeg_quality, rng)
        return np.asarray(image)

    def view(self, pixels: Pixels, rng: np.random.Generator, crop_px: int, shrink_p: float = 0.0) -> Pixels:
        """A training view uint8 [crop_px, crop_px, 3]: degraded, cut at random, mirrored half the time.

        With probability `shrink_p` the image is first shrunk until its shorter side is `crop_px`.
        """
        if rng.random() < shrink_p and min(pixels.shape[:2]) > crop_px:
            pixels = _shrunk(pixels, crop_px, rng)
        pixels = self.degrade(pixels, rng, crop_px)
        top = int(rng.integers(0, pixels.shape[0] - crop_px + 1))
        left = int(rng.integers(0, pixels.shape[1] - crop_px + 1))
        cut = pixels[top : top + crop_px, left : left + crop_px]
        return np.ascontiguousarray(cut[:, ::-1] if rng.random() < 0.5 else cut)

    def _with_history(self, image: Image.Image, rng: np.random.Generator) -> Image.Image:
        scale = rng.uniform(*self.history_scale)
        size = round(image.width * scale), round(image.height * scale)
        larger = _through_jpeg(image.resize(size, Image.Resampling.LANCZOS), self.history_quality, rng)
        return larger.resize(image.size, Image.Resampling.BICUBIC)

    def _resized(self, image: Image.Image, rng: np.random.Generator, smallest_px: int) -> Image.Image:
        width, height = image.size
        scale = max(rng.uniform(*self.resize_scale), smallest_px / min(width, height))
        there = image.resize((round(width * scale), round(height * scale)), _a_filter(rng))
        if rng.random() < self.resize_back_p or min(there.size) < smallest_px:
            return there.resize((width, height), _a_filter(rng))
        return there

    def _toned(self, image: Image.Image, rng: np.random.Generator) -> Image.Image:
        contrast, brightness = rng.uniform(1 - self.tone_range, 1 + self.tone_range, 2)
        levels = np.clip(((np.arange(256) - 128) * contrast + 128) * brightness, 0, 255)
        return image.point(np.rint(levels).astype(int).tolist() * 3)

    def _grained(self, image: Image.Image, rng: np.random.Generator) -> Image.Image:
        grain = rng.normal(0, rng.uniform(0, self.grain_levels), (image.height, image.width, 3))
        return Image.fromarray(np.clip(np.rint(np.asarray(image) + grain), 0, 255).astype(np.uint8))


def degraded(pixels: Pixels, sha256: str, draw: int, seed: int, augmentation: Augmentation) -> Pixels:
    """uint8 [h, w, 3] in [0, 255]: draw 0 is the image as it is, any other passes `augmentation`, for both classes
    alike.

    The draws depend on (seed, draw, sha256) and on nothing else.
    """
    if draw == 0:
        return pixels
    digest = sha256_bytes(f"{seed} {draw} {sha256}".encode())
    rng = np.random.default_rng(int(digest[:16], 16))
    return augmentation.degrade(pixels, rng, min(SMALLEST_DEGRADED_PX, *pixels.shape[:2]))


def _a_filter(rng: np.random.Generator) -> Image.Resampling:
    return _FILTERS[int(rng.integers(len(_FILTERS)))]


def _shrunk(pixels: Pixels, shorter_px: int, rng: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    scale = shorter_px / min(height, width)
    size = max(shorter_px, round(width * scale)), max(shorter_px, round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, _a_filter(rng)))


def _through_jpeg(image: Image.Image, between: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    quality = int(rng.integers(between[0], between[1] + 1))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=_CHROMA[int(rng.integers(len(_CHROMA)))])
    return Image.open(buffer).convert("RGB")
