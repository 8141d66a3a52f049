"""How one image lies in another: moved, enlarged, or cut from it. What is compared is what both show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

_SIDE_PX: Final = 64  # of the images that are compared
_SHARES: Final = (1.0, 0.97, 0.94, 0.91, 0.88, 0.85)  # of the larger image's side that the cut may have
_FINE: Final = 1.0  # px of 64: deviation of what is taken for detail
_COARSE: Final = 3.0  # and of what is taken for the face's general look, which all faces share
_ROUNDS: Final = 60  # evaluations of the search for the exact frame
_LUMA: Final = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class Frame:
    """The part of an image that another shows: `share` of its side from (`top`, `left`), shares of the side too."""

    share: float = 1.0
    top: float = 0.0
    left: float = 0.0

    def is_whole(self) -> bool:
        """Whether it is all of the image, to a third of a pixel of 128."""
        return abs(self.share - 1) < 0.0025 and max(abs(self.top), abs(self.left)) < 0.0025


@dataclass(frozen=True)
class Agreement:
    """How far an image shows what another does: correlation of their detail, at most 1, in the frame it is best in."""

    correlation: float
    frame: Frame


def agreement(whole: Pixels, part: Pixels, *, search: bool = True) -> Agreement:
    """How far the square `part` shows `whole`, or a part of it: uint8 [h, h, 3] each, of any size.

    What is compared is detail of 1 to 3 px of 64, which JPEG leaves and which strangers in the same pose do not share.
    """
    from scipy.ndimage import zoom

    a, b = (_luma(image) for image in (whole, part))
    at_once = _correlation(_small(a, _SIDE_PX), _small(b, _SIDE_PX))
    best = Agreement(at_once, Frame())
    if not search:
        return best
    # A cut shows the whole larger: it is reduced by what it may have been enlarged, and laid where it fits best.
    from skimage.feature import match_template

    large = _detail(_small(a, _SIDE_PX))
    for share in _SHARES[1:]:
        side = round(_SIDE_PX * share)
        small = _detail(zoom(_small(b, _SIDE_PX), side / _SIDE_PX, order=1))
        fits = match_template(large, small)
        top, left = np.unravel_index(int(np.argmax(fits)), fits.shape)
        found = Frame(side / _SIDE_PX, float(top) / _SIDE_PX, float(left) / _SIDE_PX)
        if float(fits[top, left]) > best.correlation:
            best = Agreement(float(fits[top, left]), found)
    return best if best.frame.is_whole() else _refined(a, b, best)


def framed(whole: Pixels, frame: Frame, side: int) -> Pixels:
    """What `part` shows of `whole` uint8 [h, h, 3], at `side` px: uint8 [side, side, 3]."""
    if frame.is_whole():
        from forensics.images import resize

        return resize(whole, (side, side))
    channels = [_sampled(whole[..., c].astype(np.float32), frame, side) for c in range(3)]
    pixels: Pixels = np.clip(np.rint(np.stack(channels, axis=-1)), 0, 255).astype(np.uint8)
    return pixels


def _refined(a: Floats, b: Floats, start: Agreement) -> Agreement:
    """The frame near `start` that correlates most, to a fraction of a pixel."""
    from scipy.optimize import minimize

    target = _small(b, _SIDE_PX)

    def disagreement(numbers: NDArray[np.float64]) -> float:
        frame = Frame(float(numbers[0]), float(numbers[1]), float(numbers[2]))
        return -_correlation(_sampled(a, frame, _SIDE_PX), target)

    first = np.array([start.frame.share, start.frame.top, start.frame.left])
    simplex = first + np.vstack([np.zeros(3), 0.02 * np.eye(3)])
    options = {"maxfev": _ROUNDS, "initial_simplex": simplex, "xatol": 1e-4, "fatol": 1e-4}
    found = minimize(disagreement, first, method="Nelder-Mead", options=options)
    return Agreement(-float(found.fun), Frame(*(float(number) for number in found.x)))


def _sampled(image: Floats, frame: Frame, side: int) -> Floats:
    """`side` px of a part of a plane [h, h], reduced by averaging where it is larger."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    height = image.shape[0]
    step = frame.share * height / side
    plane = gaussian_filter(image, 0.4 * step) if step > 1.2 else image
    at = (np.arange(side) + 0.5) * step - 0.5
    rows, columns = np.meshgrid(at + frame.top * height, at + frame.left * height, indexing="ij")
    sampled: Floats = map_coordinates(plane, [rows, columns], order=1, mode="nearest").astype(np.float32)
    return sampled


def _luma(image: Pixels) -> Floats:
    luma: Floats = image.astype(np.float32) @ np.array(_LUMA, np.float32)
    return luma


def _small(plane: Floats, side: int) -> Floats:
    return _sampled(plane, Frame(), side)


def _detail(plane: Floats) -> Floats:
    from scipy.ndimage import gaussian_filter

    detail: Floats = gaussian_filter(plane, _FINE) - gaussian_filter(plane, _COARSE)
    return detail


def _correlation(a: Floats, b: Floats) -> float:
    x, y = (_detail(one) for one in (a, b))
    x, y = x - x.mean(), y - y.mean()
    length = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / length if length > 1e-6 else 0.0
