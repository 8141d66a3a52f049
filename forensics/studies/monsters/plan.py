"""What a monster study looks at: how many directions of each family, how far, how finely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forensics.core.errors import ForensicsError

ALL = -1
_GROWTH = 1.25  # of the scan's radii beyond `scan_until`


@dataclass(frozen=True)
class MonsterPlan:
    """Counts are of directions before signs are taken: `components`, `dimensions` and `styles` are searched both ways.

    `ALL` (-1) as `components`, `dimensions` or `styles` takes every one there is, 0 none. Radii are those of
    `w_statistics` and `s_statistics`. A face is lost where its score is under `threshold`. `bank` ordinary faces are
    what accepted ones are compared with.
    """

    seed: int = 0
    threshold: float = 0.5
    random: int = 64
    mapped: int = 64
    components: int = 32
    dimensions: int = 32
    styles: int = 56
    max_radius: float = 16.0
    scan_step: float = 0.25
    scan_until: float = 3.0
    halvings: int = 6
    map_angles: int = 48
    map_rings: int = 24
    map_radius: float = 3.0
    steps: tuple[float, ...] = (0.01, 0.1, 1.0)
    walks: int = 10
    walk_length: int = 500
    walk_every: int = 5
    bank: int = 128
    device: str = "auto"

    def __post_init__(self) -> None:
        reach = f"radius {self.max_radius}: give one of at least a scan step, {self.scan_step}"
        refused = {
            "components, dimensions, styles: give a number, 0 for none, -1 for all": (
                min(self.components, self.dimensions, self.styles) < ALL
            ),
            "numbers of directions, walks and halvings cannot be negative": (
                min(self.random, self.mapped, self.halvings, self.walks) < 0
            ),
            f"threshold {self.threshold}: a face score lies in 0 to 1": not 0 < self.threshold <= 1,
            reach: not 0 < self.scan_step <= self.max_radius < float("inf"),
            "bank, walk length and walk_every are at least 1": (
                min(self.bank, self.walk_every, self.walk_length) < 1
            ),
            "the map needs at least 4 angles, a ring and a radius above 0": (
                self.map_angles < 4 or self.map_rings < 1 or self.map_radius <= 0
            ),
            "step sizes are above 0": any(step <= 0 for step in self.steps),
        }
        for words, is_so in refused.items():
            if is_so:
                raise ForensicsError(words)

    @property
    def radii(self) -> list[float]:
        """The radii every direction is scanned at: even steps to `scan_until`, then a quarter farther each time."""
        even = min(self.scan_until, self.max_radius)
        radii = [k * self.scan_step for k in range(1, int(even / self.scan_step + 1e-9) + 1)]
        radii = radii or [self.scan_step]
        while radii[-1] * _GROWTH < self.max_radius * (1 - 1e-9):
            radii.append(radii[-1] * _GROWTH)
        if radii[-1] < self.max_radius * (1 - 1e-9):
            radii.append(self.max_radius)
        return [round(radius, 6) for radius in radii]

    @property
    def positions(self) -> list[int]:
        """The steps of a walk that are looked at: the first 20, then every `walk_every`-th, and the last."""
        chosen = {*range(min(21, self.walk_length)), *range(0, self.walk_length, self.walk_every)}
        return sorted(chosen | {self.walk_length - 1})

    @property
    def rings(self) -> list[float]:
        """The radii of the map."""
        return [
            round(float(r), 6) for r in np.arange(1, self.map_rings + 1) * self.map_radius / self.map_rings
        ]
