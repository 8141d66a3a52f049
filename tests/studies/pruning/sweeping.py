"""A small pruning sweep as a process of its own, to be killed: FILE OUT WORKERS."""

from __future__ import annotations

import sys
from pathlib import Path

from forensics.studies.machine import finish_parts
from forensics.studies.pruning.study import PruningStudy
from forensics.studies.pruning.sweep import SweepPlan

if __name__ == "__main__":
    plan = SweepPlan(steps=6, every=3, images=4)
    finish_parts(PruningStudy(sys.argv[1], Path(sys.argv[2]), plan), workers=int(sys.argv[3]))
