"""Options as files hold them: of runs and cards of earlier releases, too.

A run goes on only where today's code does what its options say. Weights that ship are tolerated: what their cards say
beyond today's options is named, and has no effect on the run that begins with them.
"""

from __future__ import annotations

from collections.abc import Mapping

from forensics.generators.training.options.phases import Phase
from forensics.generators.training.options.records import GROUP_OF, TrainingOptions

# What options were called before, and what a value was.
RENAMED = {
    "loss": "adversarial",
    "plain_weight": "adversarial_weight",
    "projected_faces": "vision_aided",
    "descriptors": "identity_networks",
    "anchor_weight": "glo_weight",
    "anchor_identity": "glo_identity_weight",
    "anchor_count": "glo_batch",
    "anchor_kimg": "glo_kimg",
}
_VALUES = {("adversarial", "logistic"): "non-saturating"}
# Options that went, each with the value at which today's code does what they said.
WITHDRAWN: Mapping[str, object] = {
    "projected_inner": False,
    "inner_weight": 0.0,
    "truncation_weight": 0.0,
    "lr_projected": 0.002,
    "matching_interval": 2,
    "pl_batch_shrink": 2,
    "pl_decay": 0.01,
    "ada_interval": 4,
}


def in_todays_names(saved: Mapping[str, object]) -> dict[str, object]:
    """Saved options under the names and values of today; withdrawn and unknown ones stay as they are."""
    renamed = {RENAMED.get(name, name): value for name, value in saved.items()}
    return {
        name: _VALUES.get((name, value), value) if isinstance(value, str) else value
        for name, value in renamed.items()
    }


def without_effect(saved: Mapping[str, object]) -> dict[str, object]:
    """Saved options that today's code cannot follow, by name: withdrawn ones in use, and unknown ones."""
    return {
        name: value
        for name, value in in_todays_names(saved).items()
        if name not in GROUP_OF and not (name in WITHDRAWN and WITHDRAWN[name] == value)
    }


def read_options(saved: Mapping[str, object]) -> TrainingOptions:
    """The options that were saved, what today's code cannot follow left out (`without_effect` names it)."""
    known = {name: value for name, value in in_todays_names(saved).items() if name in GROUP_OF}
    phases = known.pop("phases", ())
    listed = tuple(Phase.from_json(one) for one in phases) if isinstance(phases, list | tuple) else ()
    return TrainingOptions().with_(**known, phases=listed)


def differences(before: Mapping[str, object], now: TrainingOptions) -> list[str]:
    """Lines `name: was A, now B` for the options in which a saved run and this one differ.

    An option that did not exist when the run was saved had the value that is its default today. `transfer_kimg`
    follows from `transfer`, and runs older than it do not have it.
    """
    was, after = {**TrainingOptions().to_json(), **in_todays_names(before)}, now.to_json()
    compared = [k for k in after if k != "transfer_kimg"]
    gone = [f"{k}: was {v!r}, now no option" for k, v in without_effect(before).items()]
    return [f"{k}: was {was[k]!r}, now {after[k]!r}" for k in compared if was[k] != after[k]] + gone
