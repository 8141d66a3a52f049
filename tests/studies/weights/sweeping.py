"""A small pruning sweep as a process of its own, to be killed: FILE OUT WORKERS."""

from __future__ import annotations

import sys
from pathlib import Path

from forensics.studies.subject import load_subject
from forensics.studies.weights.pruning_sweep import SweepPlan, pruning_sweep

if __name__ == "__main__":
    plan = SweepPlan(steps=6, every=3, images=4)
    pruning_sweep(load_subject(sys.argv[1]), Path(sys.argv[2]), plan, workers=int(sys.argv[3]))
