"""The face finder that ships: BlazeFace boxes, each confirmed by a face mesh of 468 points. Needs no pack.

BlazeFace (Bazarevsky et al. 2019, arXiv 1907.05047) in its two published forms: short range (128 px, faces that fill
the frame) and full range (192 px, smaller faces). Both look at the whole image; the full-range one also at overlapping
windows of large images in which no face is prominent. A box counts where the face mesh (Kartynnik et al. 2019,
arXiv 1907.06724) finds a face in it as well: that is what a cat, a cup or a screenshot fails.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from forensics.backbones.graph_networks import GraphNetwork, load_graph_network
from forensics.core.weights import folder_of

Pixels = NDArray[np.uint8]  # [H, W, 3] RGB
Points = NDArray[np.float32]

NAME: Final = "face-finder"
SHORT_RANGE, FULL_RANGE, MESH = "short-range.safetensors", "full-range.safetensors", "mesh.safetensors"
_SHORT_PX, _FULL_PX, _MESH_PX = 128, 192, 192
_BOX_THRESHOLD: Final = 0.5  # MediaPipe's own
_FACE_THRESHOLD: Final = 0.5  # of the mesh's face flag
_SAME_FACE_IOU: Final = 0.3  # MediaPipe's own
_MESH_MARGIN: Final = 1.5  # of the box: what the mesh network was trained to see
_WINDOWS_FROM_PX: Final = (
    384  # twice the input: smaller images hide no face that the whole view does not show
)
_WINDOW_SHARES: Final = (0.5, 0.25)  # of the longer side
_PROMINENT: Final = 0.25  # of the longer side: with a face as large as this, windows are not searched
_SMALLEST_WINDOW_PX: Final = 192
_LONGEST_SLIVER: Final = 100
# Points of the mesh that are the five landmarks: iris centres as means of eye corners, nose tip, mouth corners.
_FIVE: Final = ((33, 133), (362, 263), (1,), (61,), (291,))


@dataclass(frozen=True)
class MeshFace:
    """One face. `score` in (0, 1]; `box` float32 [4] x0, y0, x1, y1 and `mesh` float32 [468, 2], px of the image."""

    score: float
    box: Points
    mesh: Points

    @property
    def landmarks(self) -> Points:
        """float32 [5, 2]: left eye, right eye, nose tip, left and right mouth corner, as seen in the image, px."""
        return np.stack([self.mesh[list(points)].mean(0) for points in _FIVE]).astype(np.float32)


@dataclass(frozen=True)
class _Candidate:
    score: float
    box: Points  # [4]
    eyes: Points  # [2, 2], left and right as seen in the image


class FaceFinder:
    """Finds faces without a pack, on the CPU. Make one with `load_face_finder`."""

    name = NAME

    def __init__(self, short_range: GraphNetwork, full_range: GraphNetwork, mesh: GraphNetwork) -> None:
        self._short, self._full, self._mesh = short_range, full_range, mesh

    def find(self, pixels: Pixels) -> list[MeshFace]:
        """Every face in uint8 [H, W, 3] RGB `pixels` in [0, 255], best score first; empty where there is none."""
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"expected uint8 [H, W, 3] pixels, got {pixels.dtype} {list(pixels.shape)}")
        if max(pixels.shape[:2]) > _LONGEST_SLIVER * min(pixels.shape[:2]):
            return []
        image = torch.from_numpy(np.array(pixels, order="C")).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.inference_mode():
            confirmed = [self._confirmed(image, one) for one in _merged(self._candidates(image))]
        faces = sorted((face for face in confirmed if face is not None), key=lambda face: -face.score)
        return [face for k, face in enumerate(faces) if all(_iou(face.box, f.box) < 0.5 for f in faces[:k])]

    def _candidates(self, image: Tensor) -> list[_Candidate]:
        height, width = image.shape[2:]
        whole = (0, 0, width, height)
        candidates = _boxes(self._short, image, whole, _SHORT_PX) + _boxes(self._full, image, whole, _FULL_PX)
        sides = [float((c.box[2:] - c.box[:2]).max()) for c in candidates]
        if max(sides, default=0.0) > _PROMINENT * max(width, height):
            return candidates
        for window in _windows(width, height):
            candidates += [
                c for c in _boxes(self._full, image, window, _FULL_PX) if _inside(c.box, window, image)
            ]
        return candidates

    def _confirmed(self, image: Tensor, candidate: _Candidate) -> MeshFace | None:
        """The face whose mesh fits into the candidate's box, or None where the mesh network sees no face."""
        centre = (candidate.box[:2] + candidate.box[2:]) * np.float32(0.5)
        side = float((candidate.box[2:] - candidate.box[:2]).max()) * _MESH_MARGIN
        across = candidate.eyes[1] - candidate.eyes[0]
        angle = math.atan2(float(across[1]), float(across[0]))
        axes = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        turn = np.float32(side) * np.array(axes, np.float32)
        points, flag = self._mesh(_rotated_crop(image, centre, turn, _MESH_PX) / 2 + 0.5)
        share = float(flag.flatten()[0].sigmoid())
        if share < _FACE_THRESHOLD:
            return None
        inside = points.reshape(468, 3)[:, :2].numpy() / _MESH_PX - 0.5
        mesh = (inside @ turn.T + centre).astype(np.float32)
        box = np.concatenate([mesh.min(0), mesh.max(0)]).astype(np.float32)
        return MeshFace(min(candidate.score, share), box, mesh)


def _windows(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Overlapping squares x0, y0, x1, y1 of images that are large enough to hide small faces."""
    longer, windows = max(width, height), []
    for share in _WINDOW_SHARES if longer >= _WINDOWS_FROM_PX else ():
        side = round(longer * share)
        if side < _SMALLEST_WINDOW_PX:
            continue
        for y in _starts(height, side):
            windows += [(x, y, min(x + side, width), min(y + side, height)) for x in _starts(width, side)]
    return windows


def _starts(length: int, side: int) -> list[int]:
    """Where windows of `side` begin so that neighbours overlap by at least a quarter."""
    if side >= length:
        return [0]
    steps = math.ceil((length - side) / (0.75 * side))
    return [round(k * (length - side) / steps) for k in range(steps + 1)]


def _inside(box: Points, window: tuple[int, int, int, int], image: Tensor) -> bool:
    """Whether a box does not touch a border of its window that is none of the image: cut faces are found elsewhere."""
    height, width = image.shape[2:]
    x0, y0, x1, y1 = window
    return bool(
        (box[0] > x0 or x0 == 0) and (box[1] > y0 or y0 == 0)
        and (box[2] < x1 or x1 == width) and (box[3] < y1 or y1 == height)
    )  # fmt: skip


@lru_cache(maxsize=2)
def _anchors(side_px: int) -> Points:
    """Centres of the anchors, float32 [n, 2] in shares of the input: 896 of short range, 2,304 of full range."""
    layers = ((8, 2), (16, 6)) if side_px == _SHORT_PX else ((4, 1),)
    centres = []
    for stride, per_cell in layers:
        cells = side_px // stride
        grid = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        x, y = np.meshgrid(grid, grid)
        centres.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), per_cell, axis=0))
    return np.concatenate(centres)


def _boxes(
    network: GraphNetwork, image: Tensor, window: tuple[int, int, int, int], side_px: int
) -> list[_Candidate]:
    """What a BlazeFace network sees in a window of the image, in px of the image."""
    x0, y0, x1, y1 = window
    part = image[:, :, y0:y1, x0:x1]
    scale = side_px / max(part.shape[2:])
    size = [max(1, round(n * scale)) for n in part.shape[2:]]
    small = F.interpolate(part, size, mode="bilinear", align_corners=False, antialias=scale < 1)
    left, top = (side_px - size[1]) // 2, (side_px - size[0]) // 2
    padded = F.pad(small, (left, side_px - size[1] - left, top, side_px - size[0] - top), value=-1.0)
    regressed, logits = (output[0].numpy() for output in network(padded))
    scores = 1 / (1 + np.exp(-np.clip(logits[:, 0], -50, 50)))
    candidates = []
    for k in np.flatnonzero(scores >= _BOX_THRESHOLD):
        values = regressed[k].reshape(8, 2) / side_px  # centre, size, then six points
        values[[0, *range(2, 8)]] += _anchors(side_px)[k]
        in_image = (values * side_px - (left, top)) / scale + (x0, y0)
        half = values[1] * side_px / scale / 2
        box = np.concatenate([in_image[0] - half, in_image[0] + half]).astype(np.float32)
        candidates.append(_Candidate(float(scores[k]), box, in_image[2:4].astype(np.float32)))
    return candidates


def _merged(candidates: list[_Candidate]) -> list[_Candidate]:
    """Boxes that overlap become their mean, weighted by score (BlazeFace, section 3.4), best first."""
    waiting = sorted(candidates, key=lambda candidate: -candidate.score)
    merged = []
    while waiting:
        same = [c for c in waiting if c is waiting[0] or _iou(waiting[0].box, c.box) > _SAME_FACE_IOU]
        waiting = [c for c in waiting if all(c is not one for one in same)]
        weights = np.array([c.score for c in same])
        box = np.average([c.box for c in same], axis=0, weights=weights).astype(np.float32)
        eyes = np.average([c.eyes for c in same], axis=0, weights=weights).astype(np.float32)
        merged.append(_Candidate(same[0].score, box, eyes))
    return merged


def _iou(a: Points, b: Points) -> float:
    """Intersection over union of two boxes x0, y0, x1, y1."""
    overlap = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    union = np.clip(a[2:] - a[:2], 0, None).prod() + np.clip(b[2:] - b[:2], 0, None).prod() - overlap
    return float(overlap / max(union, 1e-9))


def _rotated_crop(image: Tensor, centre: Points, turn: Points, side_px: int) -> Tensor:
    """The square around `centre` whose axes are the columns of `turn` (px), float32 [1, 3, side_px, side_px]."""
    height, width = image.shape[2:]
    share = (torch.arange(side_px, dtype=torch.float32) + 0.5) / side_px - 0.5
    y, x = torch.meshgrid(share, share, indexing="ij")
    places = torch.stack([x, y], -1).reshape(-1, 2) @ torch.from_numpy(turn.T).float() + torch.from_numpy(
        centre
    )
    grid = places / torch.tensor([width, height]) * 2 - 1
    # A crop much larger than its output is shrunk first: grid_sample does not average.
    shrink = min(1.0, 1.5 * side_px / max(float(np.linalg.norm(turn[:, 0])), 1.0))
    source = image
    if shrink < 1:
        size = [max(1, round(n * shrink)) for n in (height, width)]
        source = F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)
    crop: Tensor = F.grid_sample(source, grid.reshape(1, side_px, side_px, 2), align_corners=False)
    return crop


def load_face_finder(folder: Path | None = None) -> FaceFinder:
    """The finder that ships, or one from a folder of the same three files. Raises CheckpointError."""
    place = folder or folder_of(NAME)
    short_range, full_range, mesh = (
        load_graph_network(place / name) for name in (SHORT_RANGE, FULL_RANGE, MESH)
    )
    return FaceFinder(short_range, full_range, mesh)
