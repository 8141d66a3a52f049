"""One small instance of every registered study: what the contract test runs, here and in a process to be killed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forensics.core.registry import method
from forensics.studies.contract import Study, Summary
from forensics.studies.equilibrium.measurement import EquilibriumPlan
from forensics.studies.latent.sweeps import LatentPlan
from forensics.studies.machine import finish_parts
from forensics.studies.monsters.plan import MonsterPlan
from forensics.studies.probes import ProbePlan
from forensics.studies.pruning.sweep import SweepPlan
from forensics.studies.store import PartStore
from forensics.studies.walks.study import WalkPlan
from forensics.studies.weights.study import WeightPlan

_MONSTERS = MonsterPlan(
    random=1, mapped=0, components=1, dimensions=0, styles=1, max_radius=2.0, scan_step=1.0, halvings=1,
    map_angles=4, map_rings=1, steps=(1.0,), walks=1, walk_length=3, bank=2,
)  # fmt: skip
_SWEEP = SweepPlan(images=4, steps=2, every=1)


@dataclass(frozen=True)
class Material:
    """What small studies are made of: a weights file with G and D, a face pack, and photographs."""

    weights: str
    face_pack: str
    photographs: str


def _pruning(kind: Any, m: Material, out: Path) -> Study[Summary]:
    return kind(m.weights, out, _SWEEP)  # type: ignore[no-any-return]


TINY: dict[str, Callable[[Any, Material, Path], Study[Summary]]] = {
    "pruning": _pruning,
    "channels": lambda kind, m, out: kind(m.weights, out, _channel_plan()),
    "latent": lambda kind, m, out: kind(m.weights, out, LatentPlan(images=4)),
    "weights": lambda kind, m, out: kind(m.weights, out, WeightPlan(_SWEEP, LatentPlan(images=4))),
    "monsters": lambda kind, m, out: kind("own-64", out, _MONSTERS, ProbePlan(m.face_pack)),
    "walk": lambda kind, m, out: kind(
        ("own-64",), out, WalkPlan(walks=2, length=60, step=0.1), ProbePlan(m.face_pack)
    ),
    "equilibrium": lambda kind, m, out: kind(
        (Path(m.weights),), out, Path(m.photographs), EquilibriumPlan(images=8)
    ),
}


def _channel_plan() -> Any:
    from forensics.studies.channels.study import ChannelPlan

    return ChannelPlan(images=4)


def tiny_study(name: str, material: Material, out: Path) -> Study[Summary]:
    """The small instance of the registered study `name`, in `out`."""
    return TINY[name](method("study", name).target, material, out)


if __name__ == "__main__":  # NAME OUT WEIGHTS PACK PHOTOGRAPHS: dies as it writes its second part
    import os
    import signal

    write = PartStore.write
    written: list[str] = []

    def dying(*arguments: Any) -> None:
        """Write a part; at the second one, die before it is written."""
        written.append("")
        if len(written) > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        write(*arguments)

    PartStore.write = dying  # type: ignore[method-assign]
    finish_parts(tiny_study(sys.argv[1], Material(*sys.argv[3:6]), Path(sys.argv[2])))
