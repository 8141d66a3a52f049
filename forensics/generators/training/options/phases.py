"""A run's schedule as data: from which kimg on an option has another value, and where psi 1 is moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from forensics.core.errors import ForensicsError

# What may change while a run goes on: rates, weights of losses that the run has, averages.
CHANGEABLE = frozenset(
    {
        *("lr_g", "lr_d", "adversarial_weight", "projected_weight", "matching_weight", "identity_weight"),
        *("glo_weight", "r1_gamma", "ema_kimg", "ema_rampup", "lowest_psi", "style_mixing_prob"),
    }
)


@dataclass(frozen=True)
class Length:
    """How long a run is: until `kimg`, with a snapshot at every multiple of `snap_kimg` and at the end.

    With `metrics_kimg` above 0 the averaged generator is scored at each of its multiples that is a snapshot, and at the
    end.
    """

    kimg: float
    snap_kimg: float
    metrics_kimg: float = 0.0


@dataclass(frozen=True)
class Phase:
    """What holds from `from_kimg` to the beginning of the next phase.

    `changes`: options that differ from those the run began with. `psi_1_was`: at the beginning of the phase psi 1
    becomes what was this psi (1: stays; see `psi.py`).
    """

    from_kimg: float
    changes: Mapping[str, float] = field(default_factory=dict)
    psi_1_was: float = 1.0

    def to_json(self) -> dict[str, object]:
        """Plain values under the names of the fields."""
        return {"from_kimg": self.from_kimg, "changes": dict(self.changes), "psi_1_was": self.psi_1_was}

    @classmethod
    def from_json(cls, record: Mapping[str, object]) -> Phase:
        """What `to_json` gave. Raises `KeyError`, `TypeError` or `ValueError` where it is something else."""
        changes = record["changes"]
        if not isinstance(changes, Mapping):
            raise TypeError(f"the changes of a phase are names and numbers, not {changes!r}")
        numbers = {str(name): float(value) for name, value in changes.items()}
        return cls(float(str(record["from_kimg"])), numbers, float(str(record["psi_1_was"])))

    def without(self, names: Iterable[str]) -> Phase:
        """The phase leaving options alone that a person has set."""
        left = {name: value for name, value in self.changes.items() if name not in set(names)}
        return Phase(self.from_kimg, left, self.psi_1_was)


def check_phases(phases: tuple[Phase, ...]) -> None:
    """Raise `ForensicsError` for phases out of order, or that change what a run cannot change."""
    starts = [phase.from_kimg for phase in phases]
    if starts != sorted(set(starts)):
        raise ForensicsError(f"phases begin one after the other, not at {', '.join(map(str, starts))} kimg")
    for phase in phases:
        fixed = sorted(set(phase.changes) - CHANGEABLE)
        if fixed:
            raise ForensicsError(f"no phase can change {', '.join(fixed)}: the whole run has one")
        if not 0 < phase.psi_1_was <= 1:
            raise ForensicsError(f"psi 1 cannot become what was psi {phase.psi_1_was}: give above 0 to 1")
