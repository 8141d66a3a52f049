"""What is inside a weights file, as facts: for `forensics inspect` and the reports of `forensics convert`."""

from __future__ import annotations

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
    """The facts as lines for a person."""
    lines = [
        f"file      {facts['path']}",
        f"sha256    {facts['sha256']}",
        f"format    {readers()[facts['format']].title}, {facts['n_bytes']:,} bytes",
    ]
    for name, network in facts["networks"].items():
        lines += ["", *_described_network(name, network)]
    lines += [f"card      {key}: {value}" for key, value in facts["card"].items()]
    lines += [f"note      {note}" for note in facts["notes"]]
    return lines


def _described_network(name: str, network: dict[str, Any]) -> list[str]:
    parts = [network["kind"]]
    if network["architecture"]:
        parts.append(network["architecture"])
    if network["resolution"]:
        parts.append(f"{network['resolution']} px")
    parts.append(f"{network['classes']} classes" if network["classes"] else "no classes")
    count = network["n_parameters"]
    counted = "parameters unknown" if count is None else f"{count:,} parameters"
    lines = [
        f"network   {name}: {', '.join(parts)}",
        f"          {counted}, {network['n_values']:,} values in {network['n_tensors']} tensors",
    ]
    shown = ", ".join(f"{key} {value}" for key, value in network["config"].items() if value is not None)
    if shown:
        lines.append(f"          {shown}")
    if network["class_name"]:
        lines.append(
            f"          claims to be {network['class_name']}, source sha256 {network['source_sha256']}"
        )
        lines.append(f"          {_source_known(network)}")
    if network["problem"]:
        lines.append(f"          not built: {network['problem']}")
    return lines + [f"          note: {note}" for note in network["notes"]]


def _source_known(network: dict[str, Any]) -> str:
    if network["source_known"]:
        return "this source is a known release"
    if network["fork_signs"] is None:
        return "this source is not known"
    signs = f"stores what no release does: {len(network['fork_signs'])} names"
    return f"this source is not known; {signs if network['fork_signs'] else 'stores what the releases store'}"
