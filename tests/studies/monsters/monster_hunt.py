"""A small monster study as a process of its own, to be killed: PACK OUT WORKERS."""

from __future__ import annotations

import sys
from pathlib import Path

from forensics.studies.machine import finish_parts
from forensics.studies.monsters.plan import MonsterPlan
from forensics.studies.monsters.study import MonsterStudy
from forensics.studies.probes import ProbePlan

SMALL = {
    "random": 2, "mapped": 1, "components": 1, "dimensions": 1, "styles": 2, "max_radius": 4.0, "scan_step": 1.0,
    "halvings": 2, "map_angles": 4, "map_rings": 2, "walks": 1, "walk_length": 5, "steps": (0.01, 1.0), "bank": 4,
}  # fmt: skip

if __name__ == "__main__":
    plan = MonsterPlan(**SMALL)  # type: ignore[arg-type]
    study = MonsterStudy("own-64", Path(sys.argv[2]), plan, ProbePlan(sys.argv[1]))
    finish_parts(study, workers=int(sys.argv[3]))
