"""Training recipes by name, as data: the published ones, ones that a CPU can carry, and those of what ships."""

from __future__ import annotations

from dataclasses import replace

from forensics.core.errors import ForensicsError
from forensics.generators.training.options import TrainingOptions, check
from forensics.generators.training.options.records import GROUP_OF
from forensics.generators.training.presets import own, progressive, small, srcnet, stylegan2, stylegan3
from forensics.generators.training.presets.preset import Preset

PRESETS: dict[str, Preset] = {
    **small.PRESETS, **own.PRESETS, **stylegan2.PRESETS, **stylegan3.PRESETS, **progressive.PRESETS, **srcnet.PRESETS,
}  # fmt: skip
# What presets were called before.
RENAMED = {
    "stylegan2-64-anchored": "stylegan2-64-glo",
    "stylegan2-128-anchored": "stylegan2-128-glo",
}


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises `ForensicsError`, which lists the names, where there is none."""
    if RENAMED.get(name, name) not in PRESETS:
        raise ForensicsError(f"no preset {name!r}: choose one of {', '.join(PRESETS)}")
    return PRESETS[RENAMED.get(name, name)]


def resolve(preset: str, **changes: object) -> TrainingOptions:
    """The preset with every change that is not None, in its phases, too; unknown names are a `ForensicsError`."""
    making = find_preset(preset).making
    unknown = sorted(set(changes) - set(GROUP_OF))
    if unknown:
        raise ForensicsError(f"no training option called {', '.join(unknown)}")
    given = {k: v for k, v in changes.items() if v is not None}
    options = making(_positive("resolution", given), _positive("batch", given))
    options = options.with_(preset=RENAMED.get(preset, preset), **given)
    if "phases" not in given:
        options = replace(options, phases=tuple(phase.without(given) for phase in options.phases))
    check(options)
    return options


def _positive(name: str, given: dict[str, object]) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or value < 1:
        raise ForensicsError(f"{name} {value} is not possible: give 1 or more")
    return value
