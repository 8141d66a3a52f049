"""How far from w_avg until the face is lost: directions searched, a map of the first two principal components, walks at
several step sizes, and a synthetic-image detector's score along the way.

After "Exploring Face Synthesis and Detection on a Pre-Trained Network with StyleGAN2" (Riter & Flynn 2025), which asks
where the monsters are and leaves "how far" to the eye. A monster is an image in which the face finder finds no face
(score 0.00) or one under a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from forensics.generators.base import Generator
from forensics.recipes.walked import Walk
from forensics.studies.monsters.directions import Direction, Latents, Point, w_sample
from forensics.studies.monsters.plan import MonsterPlan
from forensics.studies.monsters.points import KnownFaces, point_rows
from forensics.studies.monsters.rows import (
    DirectionRow,
    FamilyRow,
    MapRow,
    PointRow,
    ScanRow,
    StartRow,
    WalkStep,
)
from forensics.studies.monsters.search import first_losses
from forensics.studies.probes import Probe

MAP_CHUNK = 8
_BANK_START = 2_000_000
_TINY = 1e-9  # a score under it is 0.00: no face at all


class MonsterMeasurements:
    """What is measured of one generator, part by part."""

    def __init__(self, generator: Generator, probe: Probe, plan: MonsterPlan) -> None:
        self.probe, self.plan = probe, plan
        self.latents = Latents(generator, plan)
        self.ordinary = self.latents.images_of(w_sample(generator, plan.bank, plan.seed, _BANK_START))
        self.centre = self.latents.images_of(self.latents.statistics.mean[None])[0]
        self.known = KnownFaces.of(probe, self.centre, self.ordinary)

    def start(self) -> StartRow:
        """What w_avg itself and the ordinary faces of the bank look like."""
        variances, distance = self.latents.variances, self.latents.statistics.mean_distance
        total = float(variances.sum())
        return StartRow(
            centre=point_rows(self.probe, self.known, self.centre[None], with_detector=True)[0],
            ordinary=point_rows(self.probe, self.known, self.ordinary, with_detector=True),
            bank_likeness=np.round(self.known.bank_likeness(), 6).tolist(),
            mean_distance=distance,
            variance_shares=[float(v) / total for v in variances],
            deviations=(variances.sqrt() / distance).tolist(),
        )

    def family(self, directions: Sequence[Direction]) -> FamilyRow:
        """The first monster along each direction, and the scan that it was first looked for in."""
        radii = self.plan.radii
        seen = self._scan(directions, radii)

        def look(points: Sequence[tuple[int, float]]) -> list[float]:
            new = [point for point in dict.fromkeys(points) if point not in seen]
            if new:
                rows = self._rows([(directions[i], radius) for i, radius in new])
                seen.update(zip(new, rows, strict=True))
            return [seen[point].score for point in points]

        n, halvings = len(directions), self.plan.halvings
        under = first_losses(radii, look, n, self.plan.threshold, halvings)
        none = first_losses(radii, look, n, _TINY, halvings)
        rows = [
            DirectionRow(
                **direction.key(),
                deviation=self.latents.deviation(direction),
                up_to=radii[-1],
                **asdict(loss),
                **{f"none_{name}": value for name, value in asdict(no_face).items()},
            )
            for direction, loss, no_face in zip(directions, under, none, strict=True)
        ]
        scan = [
            ScanRow(**directions[i].key(), radius=radius, **vars(seen[i, radius]))
            for i in range(n)
            for radius in radii
        ]
        return FamilyRow(rows, scan)

    def _scan(
        self, directions: Sequence[Direction], radii: Sequence[float]
    ) -> dict[tuple[int, float], PointRow]:
        places = [(i, radius) for i in range(len(directions)) for radius in radii]
        rows = self._rows([(directions[i], radius) for i, radius in places], with_detector=True)
        centre = point_rows(self.probe, self.known, self.centre[None])[0]
        return {(i, 0.0): centre for i in range(len(directions))} | dict(zip(places, rows, strict=True))

    def _rows(self, points: Sequence[Point], *, with_detector: bool = False) -> list[PointRow]:
        """What is said of points, a batch at a time."""
        size = self.latents.batch
        rows = []
        for i in range(0, len(points), size):
            images = self.latents.images(points[i : i + size])
            rows += point_rows(self.probe, self.known, images, with_detector=with_detector)
        return rows

    def plane(self, start: int) -> list[MapRow]:
        """A row for each ring of `MAP_CHUNK` angles of the map, from angle number `start` on."""
        n = self.plan.map_angles
        angles = [360.0 * i / n for i in range(start, min(start + MAP_CHUNK, n))]
        points: list[Point] = [
            (Direction("plane", i, angle=angle), radius)
            for i, angle in enumerate(angles, start)
            for radius in self.plan.rings
        ]
        pairs = zip(points, self._rows(points), strict=True)
        return [MapRow(angle=at.angle, radius=radius, **vars(row)) for (at, radius), row in pairs]

    def walk(self, step: float, walk: int) -> list[WalkStep]:
        """A row for each of the plan's positions of walk `walk`, independent Gaussian steps in W from w_avg."""
        plan, latents = self.plan, self.latents
        chain = Walk(latents.generator, plan.walk_length, plan.walks, step, seed=plan.seed).chain(walk)
        w = chain[plan.positions]
        radii = [round(radius, 6) for radius in latents.statistics.radius(w).tolist()]
        rows = point_rows(self.probe, self.known, latents.images_of(w))
        places = zip(plan.positions, radii, rows, strict=True)
        return [
            WalkStep(step=step, walk=walk, position=position, radius=radius, **vars(row))
            for position, radius, row in places
        ]
