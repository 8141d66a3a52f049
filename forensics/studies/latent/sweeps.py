"""What a latent does to the image: the whole vector scaled, and one dimension of w at a time moved.

The study (Laubmann & Reschke 2025, sections V.A, VI.C and VI.D) multiplies w, the mapping's output, and adds to single
dimensions of it, the same in every layer. Scaling z is added here, and the same factors on w - w_avg (truncation).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.generators.w_statistics import WStatistics, w_statistics
from forensics.studies.effects import Effects, summary_of
from forensics.studies.probes import Opinions, ask, weights_asked
from forensics.studies.resumable import Job, Parts, complete
from forensics.studies.subject import Subject, load_subject

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
_CHUNK = 16
_SAMPLES = 2000


@dataclass(frozen=True)
class LatentPlan:
    """`images` latents of `seed`; single dimensions are moved by ± `delta`."""

    images: int = 8
    seed: int = 0
    delta: float = 10.0
    face_pack: str | None = None
    device: str = "auto"
    detector: str | None = None

    def __post_init__(self) -> None:
        if self.images < 1 or self.images % 4:
            raise ForensicsError(f"{self.images} images: give a multiple of 4, a discriminator's groups")
        if not np.isfinite(self.delta) or self.delta == 0:
            raise ForensicsError(f"--delta {self.delta}: give a number other than 0")


class MovedLatents:
    """Images of changed latents of one subject, measured against the unchanged ones."""

    def __init__(self, subject: Subject, plan: LatentPlan) -> None:
        self.subject, self.plan = subject, plan
        generator = subject.generator
        self.z = generator.sample_z(plan.images, plan.seed)
        self.ws = self.mapped(self.z)
        reference = self.subject.synthesize(self.ws)
        self.effects = Effects(subject, reference)
        self.pixels = generator.to_uint8(reference)
        self._opinions: Opinions | None = None

    @torch.inference_mode()
    def mapped(self, z: Tensor) -> Tensor:
        """ws of z, untruncated."""
        return self.subject.generator.map(z, self.subject.labels(len(z)))

    def pixels_of(self, ws: Tensor) -> np.ndarray:
        """Images as uint8 [n, h, w, c]."""
        return self.subject.generator.to_uint8(self.subject.synthesize(ws))

    @property
    def opinions(self) -> Opinions:
        """What the face pack and the detector of the plan say, or nothing; loaded when first asked."""
        if self._opinions is None:
            self._opinions = ask(self.pixels, self.plan.face_pack, self.plan.detector)
        return self._opinions

    @cached_property
    def faces_at_start(self) -> float:
        """Share of the unchanged images that hold a face."""
        return self.opinions.faces_left(self.pixels_of(self.ws))

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

    def scaling_row(self, space: str, factor: float, centre: WStatistics) -> dict[str, Any]:
        """What scaling does: measures against factor 1, the mean radius, brightness, contrast and colour."""
        ws = self.scaled(space, factor)
        x = self.subject.synthesize(ws)
        made = self.subject.generator.to_uint8(x)
        row = {"space": space, "factor": factor, "radius": float(centre.radius(ws[:, 0]).mean())}
        return row | self.effects.measure(x) | summary_of(made) | self.opinions.measure(made)

    def dimension_row(self, dim: int, spread: float) -> dict[str, Any]:
        """What ± delta in `dim` does, both signs together: measures, and where the change is: `map` (rows of
        MAP_SIDE cells, mean absolute change in grey levels), its centre in x and y (0 left or top, 1 right or bottom),
        and `place`, the ninth of the image with most of it. `spread` is the deviation of w in this dimension."""
        delta = self.plan.delta
        both, change = [], np.zeros(self.pixels.shape[1:3])
        for signed in (-delta, delta):
            x = self.subject.synthesize(self.moved(dim, signed))
            made = self.subject.generator.to_uint8(x)
            change += np.abs(made.astype(np.float64) - self.pixels).mean(axis=(0, 3)) / 2
            both.append(self.effects.measure(x) | self.opinions.measure(made))
        measured = {key: float(np.mean([row[key] for row in both])) for key in both[0]}
        # The discriminator may like one direction and not the other: a mean would hide it.
        signs = {"d_minus": both[0]["d_probability"], "d_plus": both[1]["d_probability"]}
        if self.plan.detector is not None:
            signs |= {"log10_lr_minus": both[0]["log10_lr"], "log10_lr_plus": both[1]["log10_lr"]}
        row: dict[str, Any] = {"dim": dim, "delta_in_sigma": delta / spread, **measured, **signs}
        if self.plan.face_pack is not None:
            known = {s: r["face_yield"] for s, r in zip((-delta, delta), both, strict=True)}
            row |= self.lost_at(dim, known)
        return row | where(change)

    def lost_at(self, dim: int, known: Mapping[float, float] | None = None) -> dict[str, float | None]:
        """The deltas at which the face is lost: `lost_minus` and `lost_plus`, each the first of `LADDER` in its
        direction at which fewer than half of the images hold a face (None: at none), and `lost_at`, the nearer one
        (plus where both are as near); all 0 where fewer than half of the unchanged images do. By bisection: a face that
        is lost and found again further out may be given a later step.

        known: share of images with a face at deltas already looked at.
        """
        if self.faces_at_start < 0.5:
            return dict.fromkeys(("lost_minus", "lost_plus", "lost_at"), 0.0)
        yields = dict(known or {})

        def is_lost(delta: float) -> bool:
            if delta not in yields:
                yields[delta] = self.opinions.faces_left(self.pixels_of(self.moved(dim, delta)))
            return yields[delta] < 0.5

        plus, minus = (bisect_left(LADDER, True, key=lambda d: is_lost(sign * d)) for sign in (1, -1))
        steps = [*LADDER, None]
        down, up = steps[minus], steps[plus]
        lost: dict[str, float | None] = {"lost_minus": None if down is None else -down, "lost_plus": up}
        return lost | {"lost_at": lost["lost_minus" if minus < plus else "lost_plus"]}


def where(change: np.ndarray) -> dict[str, Any]:
    """Place of a change [h, w] >= 0: `map`, `x`, `y`, `place`; of none at all, the middle."""
    cells = F.adaptive_avg_pool2d(torch.from_numpy(change)[None, None], MAP_SIDE)[0, 0].numpy()
    total = cells.sum()
    at = (np.arange(MAP_SIDE) + 0.5) / MAP_SIDE
    ninths = cells.reshape(3, MAP_SIDE // 3, 3, MAP_SIDE // 3).sum(axis=(1, 3))
    row, col = divmod(int(ninths.argmax()), 3) if total > 0 else (1, 1)
    return {
        "x": float(cells.sum(axis=0) @ at / total) if total > 0 else 0.5,
        "y": float(cells.sum(axis=1) @ at / total) if total > 0 else 0.5,
        "place": PLACES[row][col],
        "map": np.round(cells, 4).tolist(),
    }


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


class LatentWork:
    """The parts of a latent study for `resumable.complete`."""

    def __init__(self, name: str, plan: LatentPlan) -> None:
        self.moved = MovedLatents(load_subject(name, plan.device), plan)

    def do(self, part: str) -> list[dict[str, Any]]:
        """Rows of "scaling" or "dims-0016" (the chunk that starts there)."""
        kind, _, which = part.partition("-")
        subject = self.moved.subject
        if kind == "scaling":
            centre = centre_of(subject)
            return [self.moved.scaling_row(space, f, centre) for space in SPACES for f in FACTORS]
        spread = spread_of(subject)
        dims = range(int(which), min(int(which) + _CHUNK, len(spread)))
        return [self.moved.dimension_row(dim, float(spread[dim])) for dim in dims]


@dataclass(frozen=True)
class LatentResult:
    """`scaling` rows; `dimensions` rows, one a dimension of w, ranked by feature distance, largest first."""

    scaling: list[dict[str, Any]]
    dimensions: list[dict[str, Any]]


def latent_study(subject: Subject, out: Path, plan: LatentPlan, *, workers: int = 1) -> LatentResult:
    """Do or finish the latent study of `subject`'s file in `out`. ForensicsError: `out` holds one made otherwise."""
    asked_of = weights_asked(plan.face_pack, plan.detector)
    parts = Parts(out / "parts", {"weights": subject.sha256, "asked of": asked_of, **asdict(plan)})
    chunks = [f"dims-{i:04d}" for i in range(0, subject.generator.w_dim, _CHUNK)]
    job = Job(LatentWork, (subject.name, plan))
    complete(parts, ["scaling", *chunks], job, workers=workers, title="latents")
    dimensions = [row for part in chunks for row in parts.read(part)]
    dimensions.sort(key=lambda row: (-row["feature_distance"], row["dim"]))
    return LatentResult(parts.read("scaling"), dimensions)
