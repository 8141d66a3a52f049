"""A small monster study as a process of its own, to be killed: PACK OUT WORKERS."""

from __future__ import annotations

import sys
from pathlib import Path

from forensics.faces.analyser import load_faces
from forensics.generators.base import load_generator
from forensics.studies.monsters.hunt import monsters
from forensics.studies.monsters.options import MonsterOptions

SMALL = {
    "random": 2, "mapped": 1, "components": 1, "dimensions": 1, "styles": 2, "max_radius": 4.0, "scan_step": 1.0,
    "halvings": 2, "map_angles": 4, "map_rings": 2, "walks": 1, "walk_length": 5, "steps": (0.01, 1.0), "bank": 4,
}  # fmt: skip

if __name__ == "__main__":
    options = MonsterOptions(**SMALL, workers=int(sys.argv[3]))  # type: ignore[arg-type]
    monsters(load_generator("own-64"), load_faces(sys.argv[1]), None, Path(sys.argv[2]), options)
