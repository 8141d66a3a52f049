"""What is inside a weights file, as facts: for `forensics inspect` and the reports of `forensics convert`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints.building import empty, is_known, misfit
from forensics.generators.checkpoints.checkpoint import Checkpoint, NetworkState, Plain
from forensics.generators.checkpoints.formats.nvidia_classes import KNOWN_SOURCES
from forensics.generators.checkpoints.reading import read_checkpoint, readers

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class NetworkFacts:
    """One network of a file. `architecture`: skip, resnet or orig; `classes`: 0 for none; counts None where unknown.

    `complete`: its tensors are those of its config; `problem`: why not. What the file claims: `class_name`, the sha256
    of its Python source (None where there is none) and whether that is known, and names that NVIDIA's releases lack.
    """

    kind: str
    architecture: str | None
    resolution: int | None
    classes: int
    config: Plain
    n_tensors: int
    n_values: int
    n_parameters: int | None
    complete: bool
    problem: str | None
    notes: list[str]
    class_name: str | None
    source_sha256: str | None
    source_known: bool | None
    fork_signs: list[str] | None


@dataclass(frozen=True)
class FileFacts:
    """A weights file: what it is called, its sha256 and size, its format, its networks by name, its card, notes."""

    path: str
    sha256: str
    n_bytes: int
    format: str
    networks: dict[str, NetworkFacts]
    card: Plain
    notes: list[str]

    def to_json(self) -> Plain:
        """Plain values under the names of the fields."""
        networks = {name: dict(vars(network)) for name, network in self.networks.items()}
        return {"schema_version": SCHEMA_VERSION, **vars(self), "networks": networks}


def inspect_file(path: str | Path) -> FileFacts:
    """The facts of a weights file or of the network of that name. Nothing in it is run. Raises CheckpointError."""
    checkpoint = read_checkpoint(path)
    return FileFacts(
        checkpoint.path,
        checkpoint.sha256,
        checkpoint.n_bytes,
        checkpoint.format,
        network_facts(checkpoint),
        checkpoint.card,
        checkpoint.notes,
    )


def network_facts(checkpoint: Checkpoint) -> dict[str, NetworkFacts]:
    """The facts of each network by its name."""
    return {name: _facts(network) for name, network in checkpoint.networks.items()}


def _facts(network: NetworkState) -> NetworkFacts:
    n_parameters, problem = _counted(network)
    digest = network.origin.get("source_sha256")
    return NetworkFacts(
        kind=network.kind,
        architecture=network.config.get("architecture"),
        resolution=network.config.get("img_resolution"),
        classes=network.config.get("c_dim", 0),
        config=network.config,
        n_tensors=len(network.state),
        n_values=sum(value.numel() for value in network.state.values()),
        n_parameters=n_parameters,
        complete=n_parameters is not None and problem is None,
        problem=problem,
        notes=network.notes,
        class_name=network.origin.get("class_name"),
        source_sha256=digest,
        source_known=None if digest is None else digest in KNOWN_SOURCES,
        fork_signs=network.origin.get("fork_signs"),
    )


def _counted(network: NetworkState) -> tuple[int | None, str | None]:
    """(number of parameters, None where no module can be made; what is wrong, None for nothing)."""
    if not is_known(network.kind):
        return None, "this toolkit has no network of this kind; its tensors are kept"
    try:
        module = empty(network)
        wrong = misfit(module.state_dict(), network.state)
    except CheckpointError as error:
        return None, str(error).removeprefix(f"{network.source}: ")
    return sum(value.numel() for value in module.parameters()), wrong or None


def described(facts: FileFacts) -> list[str]:
    """The facts as lines for a person, one a line."""
    lines = [
        f"file      {facts.path}",
        f"sha256    {facts.sha256}",
        f"format    {readers()[facts.format].title}",
        f"bytes     {facts.n_bytes:,}",
    ]
    for name, network in facts.networks.items():
        lines += ["", f"network   {name}"]
        lines += [f"          {key:<22}{value}" for key, value in _network_lines(network)]
    if facts.card:
        lines.append("")
    lines += [f"card      {key}: {value}" for key, value in _flat(facts.card)]
    return lines + [f"note      {note}" for note in facts.notes]


def _network_lines(network: NetworkFacts) -> Iterator[tuple[str, object]]:
    """Names and values of a network's facts."""
    yield "kind", network.kind
    if network.architecture:
        yield "architecture", network.architecture
    if network.resolution:
        yield "resolution", f"{network.resolution} px"
    yield "classes", network.classes or "none"
    yield "parameters", "unknown" if network.n_parameters is None else f"{network.n_parameters:,}"
    yield "values", f"{network.n_values:,}"
    yield "tensors", network.n_tensors
    yield from (pair for pair in _flat(network.config) if pair[1] is not None)
    if network.class_name:
        yield "claims to be", network.class_name
        yield "source sha256", network.source_sha256
        yield "source", _source_known(network)
    if network.problem:
        yield "not built", network.problem
    yield from (("note", note) for note in network.notes)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Names and values; those of what lies inside as outer.inner."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _source_known(network: NetworkFacts) -> str:
    if network.source_known:
        return "this source is a known release"
    if network.fork_signs is None:
        return "this source is not known"
    signs = f"stores what no release does: {len(network.fork_signs)} names"
    return f"this source is not known; {signs if network.fork_signs else 'stores what the releases store'}"
