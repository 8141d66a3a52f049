"""`forensics convert`: any weights file to this project's safetensors, or StyleGAN2 to rosinality's .pt."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from forensics.core.errors import CheckpointError
from forensics.core.evidence import evidence, recorded
from forensics.generators.checkpoints.checkpoint import Checkpoint, Plain
from forensics.generators.checkpoints.formats.native import write_native
from forensics.generators.checkpoints.formats.rosinality_writer import Written, write_rosinality
from forensics.generators.checkpoints.inspecting import network_facts
from forensics.generators.checkpoints.reading import read_checkpoint, readers

SUFFIXES = {".safetensors": "native", ".pt": "rosinality"}


@dataclass(frozen=True)
class Side:
    """A weights file that was read or written."""

    path: str
    sha256: str
    format: str


@dataclass(frozen=True)
class ConvertedNetwork:
    """A network's name in the new file, in the old one (`source`), its kind and size."""

    name: str
    source: str
    kind: str
    n_parameters: int | None
    n_values: int


@dataclass(frozen=True)
class Conversion:
    """What a conversion read, wrote, left out, and what a person should know."""

    input: Side
    output: Side
    networks: list[ConvertedNetwork]
    dropped: list[str]
    notes: list[str]

    def to_json(self) -> Plain:
        """Plain values; of a network's names the old one is "from"."""
        networks = [{**vars(network), "from": network.source} for network in self.networks]
        for network in networks:
            del network["source"]
        sides = {"input": dict(vars(self.input)), "output": dict(vars(self.output))}
        return {"schema_version": 1, **vars(self), **sides, "networks": networks}


@recorded
def convert_file(source: str | Path, target: Path, *, half: bool = False) -> Conversion:
    """Write the networks of `source` to `target` in the format of its suffix; what was done.

    .safetensors takes every network; .pt takes StyleGAN2 networks that rosinality's code can compute. `half` stores
    the bulk of a .safetensors as float16. Equal input gives equal bytes. `target`.evidence.json is written beside.
    Raises CheckpointError, with nothing written.
    """
    form = SUFFIXES.get(target.suffix.lower())
    if form is None:
        raise CheckpointError(
            f"{target}: name the output .safetensors (this project's) or .pt (rosinality's)"
        )
    if half and form != "native":
        raise CheckpointError(f"{target}: half precision is for .safetensors output")
    if target.is_dir():
        raise CheckpointError(f"{target}: is a folder; name a file")
    if target.exists() and Path(source).exists() and os.path.samefile(source, target):
        raise CheckpointError(f"{target}: is the input; name another file")
    checkpoint = read_checkpoint(source)
    written = _native(target, checkpoint, half) if form == "native" else write_rosinality(target, checkpoint)
    options = {"out": target, "half": half}
    evidence({str(source): checkpoint.sha256}, options=options).write_beside(target)
    return _report(checkpoint, target, form, written)


def _native(target: Path, checkpoint: Checkpoint, half: bool) -> Written:
    card = {**checkpoint.card, "converted_from": {"format": checkpoint.format, "sha256": checkpoint.sha256}}
    if checkpoint.format == "native":
        card = checkpoint.card
    sha256 = write_native(target, checkpoint.networks, card, storage=torch.float16 if half else torch.float32)
    notes = ["tensors of 4096 values or more are rounded to float16"] if half else []
    return Written(sha256, {name: name for name in checkpoint.networks}, notes=notes)


def _report(checkpoint: Checkpoint, target: Path, form: str, written: Written) -> Conversion:
    facts = network_facts(checkpoint)
    return Conversion(
        Side(checkpoint.path, checkpoint.sha256, checkpoint.format),
        Side(str(target), written.sha256, form),
        [
            ConvertedNetwork(there, here, facts[here].kind, facts[here].n_parameters, facts[here].n_values)
            for there, here in written.networks.items()
        ],
        written.dropped,
        [*checkpoint.notes, *_network_notes(checkpoint), *written.notes],
    )


def _network_notes(checkpoint: Checkpoint) -> list[str]:
    return [f"{name}: {note}" for name, network in checkpoint.networks.items() for note in network.notes]


def described(report: Conversion) -> list[str]:
    """The report as lines for a person."""
    lines = []
    for side, word in ((report.input, "from"), (report.output, "to")):
        lines.append(f"{word:<8}{side.path} ({readers()[side.format].title})")
        lines.append(f"{'':<8}sha256 {side.sha256}")
    for network in report.networks:
        count = network.n_parameters
        counted = f"{network.n_values:,} values" if count is None else f"{count:,} parameters"
        lines.append(f"network {network.source} -> {network.name}: {network.kind}, {counted}")
    lines += [f"dropped {entry}" for entry in report.dropped]
    return lines + [f"note    {note}" for note in report.notes]
