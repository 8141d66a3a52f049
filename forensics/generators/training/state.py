"""Everything a training run must carry over a kill, in one file written atomically.

Random streams and data order are functions of (seed, iteration), so the state is: three networks, two optimisers,
the augmentation probability and its controller, the mean path length, and two counters.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from forensics.core.errors import CheckpointError
from forensics.core.files import replacing

FORMAT_VERSION = 1


@dataclass
class Snapshot:
    """Tensors by name and the JSON beside them."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def module_tensors(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """The module's state dict, names prefixed."""
    return {f"{prefix}/{k}": v.detach().contiguous() for k, v in module.state_dict().items()}


def restore_module(prefix: str, module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Load what `module_tensors` gave; a missing or misshapen name raises `CheckpointError`."""
    own = {k[len(prefix) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{prefix}/")}
    try:
        module.load_state_dict(own)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"training state does not fit {prefix}: {reason}") from error


def optimiser_tensors(prefix: str, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Adam's moments and step counts, by parameter index."""
    state = optimiser.state_dict()["state"]
    return {f"{prefix}/{i}/{name}": t.contiguous() for i, entry in state.items() for name, t in entry.items()}


def restore_optimiser(prefix: str, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Load what `optimiser_tensors` gave, each moment in the memory layout of its parameter.

    The fused Adam walks parameter and moments by address: a contiguous moment beside a channels_last parameter
    would be applied to the wrong weights.
    """
    full = optimiser.state_dict()
    full["state"] = {}
    for key, value in tensors.items():
        head, _, rest = key.partition("/")
        if head == prefix:
            index, _, name = rest.partition("/")
            full["state"].setdefault(int(index), {})[name] = value
    optimiser.load_state_dict(full)
    for parameter, entry in optimiser.state.items():
        for name, value in entry.items():
            same_shape = value.shape == parameter.shape
            entry[name] = (
                torch.empty_like(parameter, dtype=value.dtype).copy_(value) if same_shape else value.clone()
            )


def save(path: Path, snapshot: Snapshot) -> None:
    """Write the snapshot; a kill leaves the one before."""
    metadata = {"training": json.dumps({"format_version": FORMAT_VERSION, **snapshot.facts}, sort_keys=True)}
    with replacing(path) as temporary:
        save_file(snapshot.tensors, temporary, metadata=metadata)


def load(path: Path) -> Snapshot:
    """Read a snapshot. Raises `CheckpointError` for a damaged file or another format version."""
    try:
        with safe_open(path, framework="pt") as stored:
            facts = json.loads((stored.metadata() or {})["training"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{path}: not a readable training state ({error}); remove it to start over"
        ) from error
    if facts.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: training state of format {facts.get('format_version')}, need {FORMAT_VERSION}"
        )
    return Snapshot(tensors, facts)
