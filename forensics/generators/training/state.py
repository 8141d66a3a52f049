"""Everything a training run must carry over a kill, in one file written atomically.

Random streams and data order are functions of (seed, iteration), so the state is: three networks, two optimisers,
the augmentation probability and its controller, the mean path length, and two counters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from forensics.core.errors import CheckpointError
from forensics.core.files import replacing
from forensics.core.terminal import printable
from forensics.core.untrusted import MAX_STATE_BYTES, open_untrusted, parse_json

FORMAT_VERSION = 1
_RENAMED = (
    (r"^anchors/", "glo/"),
    (r"^P/(faces\.)?judges\.", r"P/\1heads."),
    (r"^(matching|identity)/made$", r"\1/queue"),
)


@dataclass(frozen=True)
class Facts:
    """What stands beside the tensors: counters, what the run was asked to do, its images, and ADA's running sum."""

    iteration: int
    nimg: int
    options: Mapping[str, object]
    data_sha256: str
    ada: tuple[float, int]
    seconds: float

    def to_json(self) -> dict[str, object]:
        """Plain values under the names of the fields."""
        return {**vars(self), "options": dict(self.options), "ada": list(self.ada)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Facts:
        """What `to_json` gave. Raises `KeyError`, `TypeError` or `ValueError` where it is something else."""
        total, count = record["ada"]
        return cls(
            int(record["iteration"]), int(record["nimg"]), dict(record["options"]), str(record["data_sha256"]),
            (float(total), int(count)), float(record["seconds"]),
        )  # fmt: skip


@dataclass(frozen=True)
class Snapshot:
    """Tensors by name and the facts beside them."""

    tensors: dict[str, Tensor]
    facts: Facts


@dataclass(frozen=True)
class Parts:
    """The modules and optimisers of a run, each by its name in the file."""

    modules: Sequence[tuple[str, nn.Module]]
    optimisers: Sequence[tuple[str, torch.optim.Optimizer]]

    def tensors(self) -> dict[str, Tensor]:
        """Their state by name, as `restore` takes it: float32 for most, of any shape [n, ...] and range."""
        tensors: dict[str, Tensor] = {}
        for name, module in self.modules:
            tensors |= module_tensors(name, module)
        for name, optimiser in self.optimisers:
            tensors |= optimiser_tensors(name, optimiser)
        return tensors

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Load what `tensors` gave; a missing or misshapen name raises `CheckpointError`."""
        for name, module in self.modules:
            restore_module(name, module, tensors)
        for name, optimiser in self.optimisers:
            restore_optimiser(name, optimiser, tensors)


def module_tensors(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """The module's state dict, names prefixed: tensors of any shape [n, ...], dtype (float32 for most) and range."""
    return {f"{prefix}/{k}": v.detach().contiguous() for k, v in module.state_dict().items()}


def restore_module(prefix: str, module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Load what `module_tensors` gave; a missing or misshapen name raises `CheckpointError`."""
    mine = {k[len(prefix) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{prefix}/")}
    try:
        module.load_state_dict(mine)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"training state does not fit {prefix}: {reason}") from error


def optimiser_tensors(prefix: str, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Adam's moments and step counts, float32 [n, ...] of any range, by parameter index."""
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
    metadata = {
        "training": json.dumps({"format_version": FORMAT_VERSION, **snapshot.facts.to_json()}, sort_keys=True)
    }
    with replacing(path) as temporary:
        save_file(snapshot.tensors, temporary, metadata=metadata)


def load(path: Path) -> Snapshot:
    """Read a snapshot. Raises `CheckpointError` for a damaged file or another format version."""
    try:
        # A pipe or a device is refused here; the tensors are mapped from the file, which may be of gigabytes.
        with (
            open_untrusted(path, MAX_STATE_BYTES, CheckpointError),
            safe_open(path, framework="pt") as stored,
        ):
            facts = parse_json((stored.metadata() or {})["training"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path}: not a readable training state ({error}); remove it to start over"
        ) from error
    version = facts.get("format_version") if isinstance(facts, dict) else None
    if version != FORMAT_VERSION:
        raise CheckpointError(f"{path}: training state of format {printable(version)}, need {FORMAT_VERSION}")
    try:
        return Snapshot({_in_todays_name(name): t for name, t in tensors.items()}, Facts.from_json(facts))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: not a whole training state ({error}); remove it to start over"
        ) from error


def _in_todays_name(name: str) -> str:
    """The name of a tensor that an earlier release saved."""
    for before, today in _RENAMED:
        name = re.sub(before, today, name)
    return name
