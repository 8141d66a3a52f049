"""How far from w_avg until the face is lost: directions searched, a map of the first two principal components, walks at
several step sizes, and a synthetic-image detector's score along the way.

After "Exploring Face Synthesis and Detection on a Pre-Trained Network with StyleGAN2" (Riter & Flynn 2025), which asks
where the monsters are and leaves "how far" to the eye. A monster is an image in which the face analyser finds no face
(score 0.00) or one under a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forensics.generators.base import Generator
from forensics.recipes.walked import Walk
from forensics.studies.monsters.directions import FAMILIES, Direction, Latents, Point, w_sample
from forensics.studies.monsters.options import MonsterOptions
from forensics.studies.monsters.probe import Row, Witness
from forensics.studies.monsters.search import first_losses
from forensics.studies.resumable import Job, Parts, complete

if TYPE_CHECKING:
    from forensics.detectors.contract import Detector
    from forensics.faces.analyser import FaceAnalyser

CHUNK, MAP_CHUNK = 16, 8
_BANK_START = 2_000_000
_TINY = 1e-9  # a score under it is 0.00: no face at all
Rows = list[dict[str, Any]]


class MonsterWork:
    """The parts of a monster study for `resumable.complete`; `faces` may be a pack's folder, for another process."""

    def __init__(
        self,
        generator: Generator,
        faces: FaceAnalyser | Path,
        detector: Detector | None,
        options: MonsterOptions,
    ) -> None:
        if isinstance(faces, Path):
            from forensics.faces.analyser import load_faces

            faces = load_faces(str(faces))
        self.options = options
        self.latents = Latents(generator, options)
        self.ordinary = self.latents.images_of(w_sample(generator, options.bank, options.seed, _BANK_START))
        centre = self.latents.images_of(self.latents.statistics.mean[None])[0]
        self.centre = centre
        self.witness = Witness.of(faces, detector, centre, self.ordinary)

    def do(self, part: str) -> Any:
        """The value of "start", "random-0016" (directions from 16 on), "map-008" (angles from 8 on) or "walk-1-3" (walk
        3 at the second step size)."""
        kind, _, which = part.partition("-")
        if kind == "start":
            return self.start()
        if kind == "map":
            return self.plane(int(which))
        if kind == "walk":
            step, _, walk = which.partition("-")
            return self.walk(self.options.steps[int(step)], int(walk))
        return self.family(self.latents.directions(kind)[int(which) : int(which) + CHUNK])

    def start(self) -> dict[str, Any]:
        """What w_avg itself and the ordinary faces of the bank look like to the witnesses."""
        nearest = self.witness.bank_likeness()
        total = float(self.latents.variances.sum())
        return {
            "centre": self.witness.rows(self.centre[None], detect=True)[0],
            "ordinary": self.witness.rows(self.ordinary, detect=True),
            "bank_likeness": np.round(nearest, 6).tolist(),
            "mean_distance": self.latents.statistics.mean_distance,
            "variance_shares": [float(v) / total for v in self.latents.variances],
            "deviations": (self.latents.variances.sqrt() / self.latents.statistics.mean_distance).tolist(),
        }

    def family(self, directions: Sequence[Direction]) -> dict[str, Rows]:
        """`directions`: a row each, with the radius of the first monster; `scan`: a row for each radius of each."""
        radii = self.options.radii
        seen = self._scan(directions, radii)

        def look(points: Sequence[tuple[int, float]]) -> list[float]:
            new = [point for point in dict.fromkeys(points) if point not in seen]
            if new:
                rows = self._rows([(directions[i], radius) for i, radius in new])
                seen.update(zip(new, rows, strict=True))
            return [float(seen[point]["score"] or 0.0) for point in points]

        limits = {"": self.options.threshold, "none_": _TINY}
        n, halvings = len(directions), self.options.halvings
        named = [self._named(direction) for direction in directions]
        for prefix, limit in limits.items():
            for row, loss in zip(named, first_losses(radii, look, n, limit, halvings), strict=True):
                row |= {f"{prefix}{name}": value for name, value in asdict(loss).items()}
        scan = [
            {**_plain(directions[i]), "radius": radius, **seen[i, radius]}
            for i in range(n)
            for radius in radii
        ]
        return {"directions": named, "scan": scan}

    def _scan(self, directions: Sequence[Direction], radii: Sequence[float]) -> dict[tuple[int, float], Row]:
        places = [(i, radius) for i in range(len(directions)) for radius in radii]
        rows = self._rows([(directions[i], radius) for i, radius in places], detect=True)
        centre = self.witness.rows(self.centre[None])[0]
        return {(i, 0.0): centre for i in range(len(directions))} | dict(zip(places, rows, strict=True))

    def _rows(self, points: Sequence[Point], *, detect: bool = False) -> list[Row]:
        """What the witness says of points, a batch at a time."""
        size = self.latents.batch
        return [
            row
            for i in range(0, len(points), size)
            for row in self.witness.rows(self.latents.images(points[i : i + size]), detect=detect)
        ]

    def _named(self, direction: Direction) -> dict[str, Any]:
        deviation = self.latents.deviation(direction)
        return {**_plain(direction), "deviation": deviation, "up_to": self.options.radii[-1]}

    def plane(self, start: int) -> Rows:
        """A row for each ring of `MAP_CHUNK` angles of the map."""
        n = self.options.map_angles
        angles = [360.0 * i / n for i in range(start, min(start + MAP_CHUNK, n))]
        points: list[Point] = [
            (Direction("plane", i, angle=angle), radius)
            for i, angle in enumerate(angles, start)
            for radius in self.options.rings
        ]
        rows = self._rows(points)
        return [
            {"angle": direction.angle, "radius": radius, **row}
            for (direction, radius), row in zip(points, rows, strict=True)
        ]

    def walk(self, step: float, walk: int) -> Rows:
        """A row for each of the options' positions of walk `walk`, independent Gaussian steps in W from w_avg."""
        options, latents = self.options, self.latents
        plan = Walk(latents.generator, options.walk_length, options.walks, step, seed=options.seed)
        w = plan.chain(walk)[options.positions]
        radii = latents.statistics.radius(w).tolist()
        rows = self.witness.rows(latents.images_of(w))
        return [
            {"step": step, "walk": walk, "position": position, "radius": round(radius, 6), **row}
            for position, radius, row in zip(options.positions, radii, rows, strict=True)
        ]


def _plain(direction: Direction) -> dict[str, Any]:
    names = ("family", "index", "sign", "space", "layer")
    return {name: getattr(direction, name) for name in names}


@dataclass(frozen=True)
class MonsterResult:
    """The tables of a finished study; `start` as `MonsterWork.start` gives it."""

    start: dict[str, Any]
    directions: Rows
    scan: Rows
    map: Rows
    walks: Rows


def monsters(
    generator: Generator,
    faces: FaceAnalyser,
    detector: Detector | None,
    out: Path,
    options: MonsterOptions,
) -> MonsterResult:
    """Do or finish the study in `out`. ForensicsError: `out` holds one made with another network or other options."""
    how = {
        "weights": generator.weights_sha256,
        "faces": faces.weights_sha256(),
        "detector": None if detector is None else detector.weights_sha256,
        **options.how(),
    }
    parts = Parts(out / "parts", how)
    alone = options.workers == 1
    job = Job(MonsterWork, (generator, faces if alone else faces.folder, detector, options))
    names = part_names(generator, options)
    complete(
        parts,
        [name for own in names.values() for name in own],
        job,
        workers=options.workers,
        title="monsters",
    )
    searched = [parts.read(name) for family in FAMILIES for name in names[family]]
    return MonsterResult(
        parts.read("start"),
        [row for value in searched for row in value["directions"]],
        [row for value in searched for row in value["scan"]],
        [row for name in names["map"] for row in parts.read(name)],
        [row for name in names["walk"] for row in parts.read(name)],
    )


def part_names(generator: Generator, options: MonsterOptions) -> dict[str, list[str]]:
    """The names of a study's parts by kind."""
    counts = {
        "random": options.random,
        "mapped": options.mapped,
        "component": 2 * _taken(options.components, generator.w_dim),
        "dimension": 2 * _taken(options.dimensions, generator.w_dim),
        "style": 2 * _taken(options.styles, generator.s_dim),
    }
    names = {kind: [f"{kind}-{i:05d}" for i in range(0, n, CHUNK)] for kind, n in counts.items()}
    walks = [f"walk-{s}-{w}" for s in range(len(options.steps)) for w in range(options.walks)]
    plane = [f"map-{i:03d}" for i in range(0, options.map_angles, MAP_CHUNK)]
    return {"start": ["start"], **names, "map": plane, "walk": walks}


def _taken(count: int, size: int) -> int:
    return size if count < 0 else min(count, size)
