"""What a latent does to the image: the whole vector scaled, and one dimension of w at a time moved.

The study (Laubmann & Reschke 2025, sections V.A, VI.C and VI.D) multiplies w, the mapping's output, and adds to single
dimensions of it, the same in every layer. Scaling z is added here, and the same factors on w - w_avg (truncation).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.generators.w_statistics import WStatistics, w_statistics
from forensics.studies.effects import light_of
from forensics.studies.latent.rows import DimensionRow, LossRow, Place, ScalingRow
from forensics.studies.measured import ImagePlan, ReferenceImages
from forensics.studies.subject import Subject

FACTORS = (0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0)
SPACES = ("w", "z", "w - w_avg")
PUBLISHED_DIMENSIONS = (3, 70, 99, 125, 360)
LADDER = (
    *(1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 70.0),
    *(100.0, 150.0, 200.0, 300.0, 500.0, 700.0, 1000.0),
)
PLACES = (
    ("top left", "top", "top right"),
    ("left", "centre", "right"),
    ("bottom left", "bottom", "bottom right"),
)
MAP_SIDE = 12
_SAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class LatentPlan(ImagePlan):
    """Single dimensions are moved by ± `delta`."""

    images: int = 8
    delta: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not np.isfinite(self.delta) or self.delta == 0:
            raise ForensicsError(f"--delta {self.delta}: give a number other than 0")


class MovedLatents(ReferenceImages):
    """Images of changed latents of one subject, measured against the unchanged ones."""

    plan: LatentPlan

    @cached_property
    def faces_at_start(self) -> float:
        """Share of the unchanged images that hold a face."""
        return self.probe.faces_left(self.pixels_of(self.ws))

    def scaled(self, space: str, factor: float) -> Tensor:
        """ws with the latent of `space` ("w", "z" or "w - w_avg") times `factor`."""
        if space == "w":
            return self.ws * factor
        if space == "z":
            return self.mapped(self.z * factor)
        return self.subject.generator.truncate(self.ws, factor)

    def moved(self, dim: int, delta: float) -> Tensor:
        """ws with `delta` added to dimension `dim` in every layer. ForensicsError: there is no such dimension."""
        if not 0 <= dim < self.ws.shape[2]:
            raise ForensicsError(f"dimension {dim}: this generator's w has 0 to {self.ws.shape[2] - 1}")
        ws = self.ws.clone()
        ws[:, :, dim] += delta
        return ws

    def scaling_row(self, space: str, factor: float, centre: WStatistics) -> ScalingRow:
        """What scaling does: measures against factor 1, the mean radius, brightness, contrast and colour."""
        ws = self.scaled(space, factor)
        x = self.subject.synthesize(ws)
        pixels = self.subject.generator.to_uint8(x)
        measured = {**vars(self.effect_of(x)), **vars(light_of(pixels)), **vars(self.probe.measure(pixels))}
        radius = float(centre.radius(ws[:, 0]).mean())
        return ScalingRow(space=space, factor=factor, radius=radius, **measured)

    def dimension_row(self, dim: int, spread: float) -> DimensionRow:
        """What ± delta in `dim` does; `spread` is the standard deviation of w in this dimension."""
        delta = self.plan.delta
        both, change = [], np.zeros(self.pixels.shape[1:3])
        for signed in (-delta, delta):
            x = self.subject.synthesize(self.moved(dim, signed))
            pixels = self.subject.generator.to_uint8(x)
            change += np.abs(pixels.astype(np.float64) - self.pixels).mean(axis=(0, 3)) / 2
            both.append({**vars(self.effect_of(x)), **vars(self.probe.measure(pixels))})
        minus, plus = both
        means = {k: None if v is None else float(np.mean([v, plus[k]])) for k, v in minus.items()}
        loss = LossRow()
        if self.plan.face_pack is not None:
            loss = self.lost_at(dim, {-delta: minus["face_yield"], delta: plus["face_yield"]})
        return DimensionRow(
            dim=dim,
            delta_in_sigma=delta / spread,
            # The discriminator may like one direction and not the other: a mean would hide it.
            d_minus=minus["d_probability"],
            d_plus=plus["d_probability"],
            log10_lr_minus=minus["log10_lr"],
            log10_lr_plus=plus["log10_lr"],
            **{**means, **vars(where(change)), **vars(loss)},
        )

    def lost_at(self, dim: int, known: Mapping[float, float] | None = None) -> LossRow:
        """The deltas at which the face is lost, by bisection: a face that is lost and there again further out may be
        given a later step.

        known: share of images with a face at deltas already looked at.
        """
        if self.faces_at_start < 0.5:
            return LossRow(lost_minus=0.0, lost_plus=0.0, lost_at=0.0)
        yields = dict(known or {})

        def is_lost(delta: float) -> bool:
            if delta not in yields:
                yields[delta] = self.probe.faces_left(self.pixels_of(self.moved(dim, delta)))
            return yields[delta] < 0.5

        plus, minus = (bisect_left(LADDER, True, key=lambda d: is_lost(sign * d)) for sign in (1, -1))
        steps = [*LADDER, None]
        down, up = steps[minus], steps[plus]
        loss = LossRow(lost_minus=None if down is None else -down, lost_plus=up)
        return replace(loss, lost_at=loss.lost_minus if minus < plus else loss.lost_plus)


def where(change: np.ndarray) -> Place:
    """Place of a change, float64 [h, w] >= 0; of none at all, the middle."""
    cells = F.adaptive_avg_pool2d(torch.from_numpy(change)[None, None], MAP_SIDE)[0, 0].numpy()
    total = cells.sum()
    at = (np.arange(MAP_SIDE) + 0.5) / MAP_SIDE
    ninths = cells.reshape(3, MAP_SIDE // 3, 3, MAP_SIDE // 3).sum(axis=(1, 3))
    row, col = divmod(int(ninths.argmax()), 3) if total > 0 else (1, 1)
    return Place(
        x=float(cells.sum(axis=0) @ at / total) if total > 0 else 0.5,
        y=float(cells.sum(axis=1) @ at / total) if total > 0 else 0.5,
        place=PLACES[row][col],
        map=np.round(cells, 4).tolist(),
    )


def spread_of(subject: Subject) -> np.ndarray:
    """Standard deviation of each dimension of w over 2,000 latents, float64 [w_dim]."""
    generator = subject.generator
    with torch.inference_mode():
        w = generator.map(generator.sample_z(_SAMPLES, seed=1), subject.labels(_SAMPLES))[:, 0]
    spread: np.ndarray = w.double().std(dim=0).clamp_min(1e-12).cpu().numpy()
    return spread


def centre_of(subject: Subject) -> WStatistics:
    """Centre and scale of W around the file's own w_avg."""
    if subject.generator.c_dim == 0:
        return w_statistics(subject.generator, _SAMPLES, seed=1)
    generator = subject.generator
    with torch.inference_mode():
        w = generator.map(generator.sample_z(_SAMPLES, seed=1), subject.labels(_SAMPLES))[:, 0]
    return WStatistics(w.mean(dim=0), float((w - w.mean(dim=0)).norm(dim=1).mean()), _SAMPLES)
