"""The generated blocks by name, and those that come from the registry, the command line and the shipped weights."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from forensics.core.errors import ForensicsError
from tools.documentation.blocks import Provider, table
from tools.documentation.detector_figures import detector_table, parts_table, psi_table, verdict_table
from tools.documentation.generator_figures import generator_faces, generator_quality, generators_table
from tools.documentation.head_figures import head_block, head_speed, heads_table
from tools.documentation.inversion_figures import attribution_table, inversion_table
from tools.documentation.records import command_of
from tools.documentation.robustness_figures import (
    fuzz_table,
    hostile_kinds,
    hostile_table,
    kills_table,
    load_table,
)
from tools.documentation.speed_figures import speed_table

DOCS: Final = Path(__file__).parents[2] / "docs"
# One word of each kind in the plural, for headings and links.
KIND_TITLES: Final = {
    "architecture": "Architectures",
    "reader": "Readers of weights files",
    "loss": "Losses",
    "inverter": "Inverters",
    "editor": "Editors",
    "adapter": "Adapters to other domains",
    "restorer": "Restorers",
    "swapper": "Face swappers",
    "recipe": "Recipes",
    "detector": "Detectors",
    "metric": "Metrics",
    "perturbation": "Perturbations",
    "study": "Studies",
}


def methods_table(path: Path, words: Sequence[str]) -> str:
    """`methods KIND`: every entry of the registry of that kind."""
    from forensics.core.registry import methods

    (kind,) = words
    entries = methods(kind)
    if not entries:
        return f"No {kind} is registered yet."
    rows = [(f"`{m.name}`", m.card.summary, m.card.paper, m.card.licence) for m in entries]
    return table(["name", "what it is", "published", "licence"], rows)


def kinds_table(path: Path, words: Sequence[str]) -> str:
    """`kinds`: every kind of method, and its page."""
    from forensics.core.registry import KINDS

    pages = [(kind, _link(path, DOCS / "methods" / f"{kind}.md")) for kind in KINDS]
    return table(
        ["kind", "`--kind`"], [(f"[{KIND_TITLES[kind]}]({page})", f"`{kind}`") for kind, page in pages]
    )


def commands_table(path: Path, words: Sequence[str]) -> str:
    """`commands`: every command with the first sentence of its help."""
    from tools.documentation.command_line import first_sentence, root_command

    commands = sorted(root_command().commands.items())
    return table(
        ["command", "what it does"], [(f"`forensics {name}`", first_sentence(one)) for name, one in commands]
    )


def shipped_table(path: Path, words: Sequence[str]) -> str:
    """`shipped`: every network inside the package, with its size."""
    from forensics.core.weights import listed

    rows = [
        (f"`{one.name}`", one.what, f"{one.n_bytes / 1e6:.1f} MB") for one in listed() if one.state == "ships"
    ]
    return table(["name", "what", "size"], rows)


def pullable_table(path: Path, words: Sequence[str]) -> str:
    """`pullable`: every network that `forensics models pull` gets, with its package and licence."""
    from forensics.core.networks.table import PULLABLE

    rows = [
        (
            f"`{one.name}`",
            one.summary,
            one.paper,
            f"`{one.requirement}`",
            f"{one.n_bytes / 1e6:.0f} MB",
            one.licence,
        )
        for one in PULLABLE
    ]
    return table(["name", "what it is", "published", "package", "size", "licence"], rows)


def command_block(path: Path, words: Sequence[str]) -> str:
    """`command NAME`: the commands that wrote docs/measured/NAME.json, and on which machine."""
    (name,) = words
    return command_of(name)


def _link(path: Path, target: Path) -> str:
    """`target` as seen from the folder of the Markdown file `path`."""
    if not target.exists():
        raise ForensicsError(f"{path}: links to {target}, which is missing")
    return Path(os.path.relpath(target.resolve(), path.resolve().parent)).as_posix()


PROVIDERS: Final[Mapping[str, Provider]] = {
    "methods": methods_table,
    "kinds": kinds_table,
    "commands": commands_table,
    "shipped": shipped_table,
    "pullable": pullable_table,
    "command": command_block,
    "detector-rates": detector_table,
    "detector-verdicts": verdict_table,
    "detector-psi": psi_table,
    "detector-parts": parts_table,
    "generators": generators_table,
    "generator-quality": generator_quality,
    "generator-faces": generator_faces,
    "heads": heads_table,
    "head": head_block,
    "head-speed": head_speed,
    "hostile": hostile_table,
    "hostile-kinds": hostile_kinds,
    "attribution": attribution_table,
    "inversion": inversion_table,
    "fuzz": fuzz_table,
    "kills": kills_table,
    "load": load_table,
    "speed": speed_table,
}
