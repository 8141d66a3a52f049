"""Alignment as FFHQ's: a square laid by eyes and mouth, brought to any size, and the way back for an edit.

Karras et al. 2019 (arXiv 1812.04948), appendix A. Beyond the border the photograph is mirrored; the published script
also blurs there, this one does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import ForensicsError

Pixels = NDArray[np.uint8]
_MOST_SAMPLES: Final = 8  # in each direction, for a pixel of the result
_LARGEST_SIZE: Final = 4096
_FEATHER: Final = 0.05  # of the side: over this width a pasted edit fades in


@dataclass(frozen=True)
class Alignment:
    """Where the square lies: float64 `matrix` [2, 3] brings (u, v, 1), u and v in [0, 1], to x and y in px.

    `width`, `height`: of the photograph, px.
    """

    matrix: NDArray[np.float64]
    width: int
    height: int

    @property
    def corners(self) -> NDArray[np.float64]:
        """float64 [4, 2], px: upper left, lower left, lower right, upper right."""
        unit = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 1], [1, 0, 1]], np.float64)
        corners: NDArray[np.float64] = unit @ self.matrix.T
        return corners

    @property
    def side(self) -> float:
        """Side of the square, px of the photograph."""
        return float(np.hypot(*self.matrix[:, 0]))

    def to_json(self) -> dict[str, Any]:
        """Plain values, enough for `from_json`."""
        return {"matrix": self.matrix.tolist(), "width": self.width, "height": self.height}

    @classmethod
    def from_json(cls, value: Any) -> Alignment:
        """The same again; ForensicsError where it is none."""
        try:
            found = cls(np.array(value["matrix"], np.float64), int(value["width"]), int(value["height"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ForensicsError(f"no alignment: {error}") from error
        if found.matrix.shape != (2, 3) or not np.isfinite(found.matrix).all():
            raise ForensicsError("no alignment: its matrix is not 2 x 3 finite numbers")
        return found


def ffhq_alignment(landmarks: NDArray[np.floating[Any]], width: int, height: int) -> Alignment:
    """FFHQ's square for landmarks [5, 2] in px: left eye, right eye, nose, mouth corners, as seen in the image.

    ForensicsError: points that lie on one another.
    """
    left, right, _, mouth_left, mouth_right = np.asarray(landmarks, np.float64)
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    across, down = right - left, mouth - eyes
    x = across + np.array([down[1], -down[0]])
    length = np.hypot(*x)
    if not length > 0:
        raise ForensicsError("the face's points lie on one another: it cannot be aligned")
    x *= max(np.hypot(*across) * 2.0, np.hypot(*down) * 1.8) / length
    y = np.array([-x[1], x[0]])
    upper_left = eyes + 0.1 * down - x - y
    return Alignment(np.stack([2 * x, 2 * y, upper_left], axis=1), width, height)


def centre_alignment(width: int, height: int) -> Alignment:
    """The middle square of a photograph of width × height px."""
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return Alignment(np.array([[side, 0, left], [0, side, top]], np.float64), width, height)


def aligned(pixels: Pixels, alignment: Alignment, size: int) -> Pixels:
    """The square, uint8 [size, size, 3] in [0, 255], of uint8 [h, w, 3]; each pixel averages what it covers."""
    if not 8 <= size <= _LARGEST_SIZE:
        raise ForensicsError(f"a size of {size} px: choose 8 to {_LARGEST_SIZE}")
    _check(pixels, alignment)
    samples = int(np.clip(np.ceil(alignment.side / size), 1, _MOST_SAMPLES))
    steps = (np.arange(size * samples) + 0.5) / (size * samples)
    strips = []
    for rows in np.split(steps, size):
        u, v = np.meshgrid(steps, rows)
        x, y = np.einsum("ij,jkl->ikl", alignment.matrix, np.stack([u, v, np.ones_like(u)]))
        values = _sampled(pixels, x - 0.5, y - 0.5)
        strips.append(values.reshape(samples, size, samples, 3).mean(axis=(0, 2)))
    square: Pixels = np.rint(np.stack(strips)).clip(0, 255).astype(np.uint8)
    return square


def paste_back(photograph: Pixels, edit: Pixels, alignment: Alignment) -> Pixels:
    """uint8 [h, w, 3]: the photograph with the edited square, uint8 [size, size, 3], in its place; all in [0, 255].

    The edit fades in over a twentieth of the side. Pixels outside the square stay as they are.
    """
    _check(photograph, alignment)
    turn = np.linalg.inv(np.vstack([alignment.matrix, [0, 0, 1]]))[:2]
    low = np.floor(alignment.corners.min(axis=0)).astype(int).clip(0)
    high = np.minimum(np.ceil(alignment.corners.max(axis=0)).astype(int), [alignment.width, alignment.height])
    result = photograph.copy()
    for row in range(low[1], high[1]):
        x = np.arange(low[0], high[0]) + 0.5
        u, v = turn @ np.stack([x, np.full_like(x, row + 0.5), np.ones_like(x)])
        share = (np.minimum.reduce([u, v, 1 - u, 1 - v]) / _FEATHER).clip(0, 1)[:, None]
        values = _sampled(edit, u * edit.shape[1] - 0.5, v * edit.shape[0] - 0.5)
        old = photograph[row, low[0] : high[0]]
        result[row, low[0] : high[0]] = np.rint(share * values + (1 - share) * old).astype(np.uint8)
    return result


def _check(pixels: Pixels, alignment: Alignment) -> None:
    if pixels.shape != (alignment.height, alignment.width, 3):
        raise ForensicsError(
            f"an alignment of {alignment.width} x {alignment.height} px for an image of "
            f"{pixels.shape[1]} x {pixels.shape[0]}: give the image it was made of"
        )


def _sampled(pixels: Pixels, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bilinear values float64 [..., 3] at pixel indices x, y of any value; beyond the border, mirrored."""
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    across, down = (x - left)[..., None], (y - top)[..., None]
    columns = [_mirrored(left + k, pixels.shape[1]) for k in (0, 1)]
    rows = [_mirrored(top + k, pixels.shape[0]) for k in (0, 1)]
    upper, lower = (pixels[row, columns[0]] * (1 - across) + pixels[row, columns[1]] * across for row in rows)
    values: NDArray[np.float64] = upper * (1 - down) + lower * down
    return values


def _mirrored(index: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    folded = np.mod(index, 2 * n)
    return np.where(folded < n, folded, 2 * n - 1 - folded)
