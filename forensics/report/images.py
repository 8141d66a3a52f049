"""Pictures for a page: thumbnails, the evidence map over the photograph, and grey renderings of spectra.

Images are uint8 [H, W, 3] RGB; maps are float32 [h, w] in log10 LR, higher = more likely synthetic.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from forensics.images import encode_jpeg, resize
from forensics.report.page import data_uri

Pixels = NDArray[np.uint8]

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # Rec. 601 weights of R, G and B

# The fixed scale of every evidence map: what counts is the colour, whatever else is in the image.
MAP_LIMIT_LOG10_LR = 2.0
SYNTHETIC_RGB = np.array([200, 85, 20], dtype=np.uint8)
AUTHENTIC_RGB = np.array([20, 105, 150], dtype=np.uint8)
_FULL_ALPHA = 0.75


def thumbnail(pixels: Pixels, side: int) -> Pixels:
    """`pixels` reduced to fit `side` × `side`, never enlarged (Lanczos)."""
    scale = side / max(pixels.shape[:2])
    return resize(pixels, scale, "lanczos") if scale < 1 else pixels


def jpeg_uri(pixels: Pixels, quality: int = 85) -> str:
    """A data URI of `pixels` ([H, W, 3] or grey [H, W]) as JPEG, for looking at only."""
    return data_uri(encode_jpeg(pixels, quality), "image/jpeg")


def map_colours(log10_lr: NDArray[np.floating]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colour [..., 3] and opacity [...] in [0, 1] of log10 LRs: blue below 0, orange above, clear at 0, fixed scale."""
    strength = np.clip(np.abs(log10_lr) / MAP_LIMIT_LOG10_LR, 0, 1).astype(np.float32)
    colours = np.where((log10_lr > 0)[..., None], SYNTHETIC_RGB, AUTHENTIC_RGB)
    return colours.astype(np.uint8), strength * np.float32(_FULL_ALPHA)


def evidence_overlay(pixels: Pixels, log10_lr: NDArray[np.floating]) -> Pixels:
    """The photograph in grey under the colours of its evidence map, bilinear between the map's cells."""
    height, width = pixels.shape[:2]
    cells = Image.fromarray(np.asarray(log10_lr, dtype=np.float32))
    smooth = np.asarray(cells.resize((width, height), Image.Resampling.BILINEAR))
    colours, alpha = map_colours(smooth)
    grey = pixels.astype(np.float32) @ LUMINANCE
    lifted = 60 + grey[..., None] * 0.75  # lighter, flatter: the colours are to be read, not the photograph
    mixed = lifted * (1 - alpha[..., None]) + colours * alpha[..., None]
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def legend_stops(n: int = 9) -> Sequence[tuple[float, str]]:
    """Positions in per cent and CSS colours along the map's scale over mid-grey, for a gradient beside the map."""
    values = np.linspace(-MAP_LIMIT_LOG10_LR, MAP_LIMIT_LOG10_LR, n)
    colours, alpha = map_colours(values)
    mixed = 165 * (1 - alpha[:, None]) + colours * alpha[:, None]
    return [(100 * k / (n - 1), f"rgb({r:.0f} {g:.0f} {b:.0f})") for k, (r, g, b) in enumerate(mixed)]


def decibel_picture(spectrum_db: NDArray[np.floating], low_db: float, high_db: float) -> Pixels:
    """A log spectrum [h, w] in grey, black at `low_db` and white at `high_db`."""
    share = (np.asarray(spectrum_db) - low_db) / (high_db - low_db)
    return np.clip(np.rint(255 * share), 0, 255).astype(np.uint8)
