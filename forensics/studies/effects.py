"""What a change in a generator or a latent does to the same images: pixels, features, probability of real.

All are means over the images, each compared with the unchanged image of the same latent.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from forensics.images import resize
from forensics.metrics.features import FeatureExtractor
from forensics.report.rows import Row
from forensics.studies.subject import Subject

FEATURE_SIDE_PX = 64
_LARGE_BATCH = 4  # at 224 px the maps of more images than these leave the processor's caches


@dataclass(frozen=True, kw_only=True)
class EffectRow(Row):
    """How far images are from the unchanged ones, means over them.

    `d_probability`: of "real", by the discriminator (NaN without one); `pixel_change`: root mean square, grey levels of
    255; `feature_distance`: 1 - cosine of EfficientNet-Lite0 features of the images at 64 px.
    """

    d_probability: float
    pixel_change: float
    feature_distance: float


@dataclass(frozen=True, kw_only=True)
class LightRow(Row):
    """Brightness and contrast (mean and deviation of the luminance) and colourfulness (mean distance of a pixel from
    grey), in grey levels."""

    brightness: float
    contrast: float
    colourfulness: float


class Effects:
    """Measures images against `reference`, the unchanged ones: float32 [n, c, h, w] as synthesized."""

    def __init__(self, subject: Subject, reference: Tensor) -> None:
        self.subject = subject
        self.pixels = subject.generator.to_uint8(reference).astype(np.float32)
        self.features = small_features(self.pixels.astype(np.uint8))

    def measure(self, x: Tensor) -> EffectRow:
        """How far `x` is from the reference, float32 [n, c, h, w] as synthesized."""
        changed = self.subject.generator.to_uint8(x)
        probabilities = self.subject.probabilities(x)
        change = np.sqrt(np.square(changed.astype(np.float32) - self.pixels).mean(axis=(1, 2, 3)))
        return EffectRow(
            d_probability=float("nan") if probabilities is None else float(probabilities.double().mean()),
            pixel_change=float(change.mean(dtype=np.float64)),
            feature_distance=float(cosine_distance(small_features(changed), self.features).mean()),
        )


@functools.cache
def extractor() -> FeatureExtractor:
    """The feature network, loaded once, on the CPU (so that figures do not depend on where images were made)."""
    return FeatureExtractor(torch.device("cpu"))


@torch.inference_mode()
def small_features(images: np.ndarray) -> np.ndarray:
    """uint8 [n, h, w, c] to float32 [n, 1280]: pooled features of the images brought to 64 px; fast, for a sweep."""
    side = (FEATURE_SIDE_PX, FEATURE_SIDE_PX)
    sized = np.stack([resize(_rgb(image), side) for image in images])
    x = torch.from_numpy(sized).permute(0, 3, 1, 2).float()
    features: np.ndarray = extractor().network((x - 127) / 128).mean(dim=(2, 3)).numpy()
    return features


def kid_to(reference: np.ndarray, images: np.ndarray) -> float:
    """KID of features [n, 1280] of the unchanged images and of uint8 `images` [n, h, w, c], at 224 px."""
    from forensics.metrics.kid import kid

    return kid(reference, large_features(images))[0]


def large_features(images: np.ndarray) -> np.ndarray:
    """uint8 [n, h, w, c] to float32 [n, 1280]: features at 224 px, those of the training's KID."""
    rgb = np.stack([_rgb(image) for image in images])
    return extractor().of_batches(rgb[i : i + _LARGE_BATCH] for i in range(0, len(rgb), _LARGE_BATCH))


def _rgb(image: np.ndarray) -> np.ndarray:
    return image if image.shape[2] == 3 else np.repeat(image[:, :, :1], 3, axis=2)


def cosine_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """1 - cosine of the rows of a and b [n, d]: float64 [n]."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    distance: np.ndarray = np.maximum(1 - (a * b).sum(axis=1) / np.maximum(norms, 1e-12), 0)
    return distance


def light_of(images: np.ndarray) -> LightRow:
    """Brightness, contrast and colourfulness of uint8 [n, h, w, c]."""
    x = images.astype(np.float64)
    luminance = x.mean(axis=3)
    return LightRow(
        brightness=float(luminance.mean()),
        contrast=float(luminance.std(axis=(1, 2)).mean()),
        colourfulness=float(np.sqrt(np.square(x - luminance[..., None]).mean(axis=3)).mean()),
    )
