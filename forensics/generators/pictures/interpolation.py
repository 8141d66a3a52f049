"""The frames from one seed to the next: along the great circle in Z, or straight in W."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.generators.base import Generator
from forensics.generators.pictures.seeds import Drawing
from forensics.generators.pictures.sheets import colours

PATHS: Final = ("w", "z")
_PARALLEL: Final = 1e-4  # sine of the angle under which the great circle is the straight line


@dataclass(frozen=True)
class Film:
    """`frames` pictures a leg, `fps` a second; `path` w or z; `loop`: back to the first seed at the end."""

    frames: int = 60
    fps: float = 30.0
    path: str = "w"
    loop: bool = False

    def check(self, seeds: Sequence[int]) -> None:
        """ForensicsError, one line: there is no way through these seeds with these numbers."""
        if self.path not in PATHS:
            raise ForensicsError(f"no path {self.path!r}: choose one of {', '.join(PATHS)}")
        if len(seeds) < 2:
            raise ForensicsError("a clip goes from seed to seed: give --seeds at least two")

    def count(self, seeds: Sequence[int]) -> int:
        """How many frames the clip has: those of its legs, and the last seed itself where it doesn't return."""
        legs = len(seeds) - (not self.loop)
        return legs * self.frames + (not self.loop)

    def pictures(
        self, generator: Generator, drawing: Drawing, seeds: Sequence[int]
    ) -> Iterator[NDArray[np.uint8]]:
        """The frames uint8 [H, W, 3] in [0, 255]. Noise is the first seed's throughout, so that it stands still."""
        noise = drawing.noise_of(generator, seeds[0])
        for ws in self._points(generator, drawing, seeds):
            with torch.inference_mode():
                yield colours(generator.to_uint8(generator.synthesize(ws, noise))[0])

    def _points(self, generator: Generator, drawing: Drawing, seeds: Sequence[int]) -> Iterator[Tensor]:
        stops = [*seeds, seeds[0]] if self.loop else [*seeds]
        for first, second in pairwise(stops):
            yield from self._leg(generator, drawing, (first, second))
        if not self.loop:
            yield drawing.ws(generator, stops[-1])

    def _leg(self, generator: Generator, drawing: Drawing, ends: tuple[int, int]) -> Iterator[Tensor]:
        times = (step / self.frames for step in range(self.frames))
        if self.path == "z":
            a, b = (drawing.z(generator, seed) for seed in ends)
            yield from (generator.map(slerp(a, b, t), psi=drawing.psi) for t in times)
        else:
            a, b = (drawing.ws(generator, seed) for seed in ends)
            yield from (a.lerp(b, t) for t in times)


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The point at `t` in [0, 1] from a to b, float32 [n, z_dim], along the great circle; lengths go linearly.

    Source: Shoemake 1985, "Animating rotation with quaternion curves".
    """
    length_a, length_b = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
    unit_a, unit_b = a / length_a, b / length_b
    angle = (unit_a * unit_b).sum(dim=1, keepdim=True).clamp(-1, 1).acos()
    if float(angle.sin().min()) < _PARALLEL:
        return a.lerp(b, t)
    direction = ((1 - t) * angle).sin() * unit_a + (t * angle).sin() * unit_b
    point: Tensor = direction / angle.sin() * length_a.lerp(length_b, t)
    return point
