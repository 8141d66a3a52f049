"""What is inside a weights file, as facts: for `forensics inspect` and the reports of `forensics convert`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints.building import empty, is_known, misfit
from forensics.generators.checkpoints.checkpoint import Checkpoint, NetworkState
from forensics.generators.checkpoints.formats.nvidia_classes import KNOWN_SOURCES
from forensics.generators.checkpoints.reading import read_checkpoint, readers

SCHEMA_VERSION = 1


def inspect_file(path: str | Path) -> dict[str, Any]:
    """The facts of a weights file or of the network of that name, JSON-able. Nothing in it is run. CheckpointError."""
    checkpoint = read_checkpoint(path)
    return {
        "schema_version": SCHEMA_VERSION,
        "path": checkpoint.path,
        "sha256": checkpoint.sha256,
        "n_bytes": checkpoint.n_bytes,
        "format": checkpoint.format,
        "networks": network_facts(checkpoint),
        "card": checkpoint.card,
        "notes": checkpoint.notes,
    }


def network_facts(checkpoint: Checkpoint) -> dict[str, dict[str, Any]]:
    """The facts of each network by its name."""
    return {name: _facts(network) for name, network in checkpoint.networks.items()}


def _facts(network: NetworkState) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "kind": network.kind,
        "architecture": network.config.get("architecture"),
        "resolution": network.config.get("img_resolution"),
        "classes": network.config.get("c_dim", 0),
        "config": network.config,
        "n_tensors": len(network.state),
        "n_values": sum(value.numel() for value in network.state.values()),
        "n_parameters": None,
        "complete": False,
        "problem": None,
        "notes": network.notes,
    }
    facts |= _origin(network.origin)
    if not is_known(network.kind):
        facts["problem"] = "this toolkit has no network of this kind; its tensors are kept"
        return facts
    try:
        module = empty(network)
        wrong = misfit(module.state_dict(), network.state)
    except CheckpointError as error:
        facts["problem"] = str(error).removeprefix(f"{network.source}: ")
        return facts
    facts["n_parameters"] = sum(value.numel() for value in module.parameters())
    facts |= {"complete": not wrong, "problem": wrong or None}
    return facts


def _origin(origin: dict[str, Any]) -> dict[str, Any]:
    """What the file claims: class name and source (None where there is none), and what NVIDIA's releases lack."""
    digest = origin.get("source_sha256")
    return {
        "class_name": origin.get("class_name"),
        "source_sha256": digest,
        "source_known": None if digest is None else digest in KNOWN_SOURCES,
        "fork_signs": origin.get("fork_signs"),
    }


def described(facts: dict[str, Any]) -> list[str]:
    """The facts as lines for a person, one a line."""
    lines = [
        f"file      {facts['path']}",
        f"sha256    {facts['sha256']}",
        f"format    {readers()[facts['format']].title}",
        f"bytes     {facts['n_bytes']:,}",
    ]
    for name, network in facts["networks"].items():
        lines += ["", f"network   {name}"]
        lines += [f"          {key:<22}{value}" for key, value in _network_lines(network)]
    if facts["card"]:
        lines.append("")
    lines += [f"card      {key}: {value}" for key, value in _flat(facts["card"])]
    return lines + [f"note      {note}" for note in facts["notes"]]


def _network_lines(network: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Names and values of a network's facts."""
    yield "kind", network["kind"]
    if network["architecture"]:
        yield "architecture", network["architecture"]
    if network["resolution"]:
        yield "resolution", f"{network['resolution']} px"
    yield "classes", network["classes"] or "none"
    count = network["n_parameters"]
    yield "parameters", "unknown" if count is None else f"{count:,}"
    yield "values", f"{network['n_values']:,}"
    yield "tensors", network["n_tensors"]
    yield from (pair for pair in _flat(network["config"]) if pair[1] is not None)
    if network["class_name"]:
        yield "claims to be", network["class_name"]
        yield "source sha256", network["source_sha256"]
        yield "source", _source_known(network)
    if network["problem"]:
        yield "not built", network["problem"]
    yield from (("note", note) for note in network["notes"])


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Names and values; those of what lies inside as outer.inner."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _source_known(network: dict[str, Any]) -> str:
    if network["source_known"]:
        return "this source is a known release"
    if network["fork_signs"] is None:
        return "this source is not known"
    signs = f"stores what no release does: {len(network['fork_signs'])} names"
    return f"this source is not known; {signs if network['fork_signs'] else 'stores what the releases store'}"
