"""A published state dict, `torch.save({name: tensor})`, as safetensors: read by the restricted machine, never run."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save

from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints.checkpoint import quoted
from forensics.generators.checkpoints.pickles import torch_files
from forensics.generators.checkpoints.pickles.records import Malformed, StoredTensor


def as_safetensors(path: Path, data: bytes) -> bytes:
    """The tensors of a .pt or .pth file as the bytes of a safetensors file; `path` names it in errors.

    Raises CheckpointError for a file that is damaged or hostile, holds anything but tensors by name, NaN or infinity.
    """
    content: bytes = save(read_state_dict(path, data))
    return content


def read_state_dict(path: Path, data: bytes) -> dict[str, torch.Tensor]:
    """The tensors of a .pt or .pth file by name, each with memory of its own. CheckpointError as above."""
    if torch_files.is_torch_zip(data):
        value = torch_files.load_torch_zip(path, data)
    elif torch_files.is_torch_legacy(data):
        value = torch_files.load_torch_legacy(path, data)
    else:
        raise CheckpointError(f"{path}: not a file that torch.save writes")
    if not isinstance(value, dict) or not value:
        raise CheckpointError(f"{path}: holds no state dict but a {type(value).__name__}")
    tensors = {}
    for name, stored in value.items():
        if not isinstance(name, str) or not isinstance(stored, StoredTensor):
            raise CheckpointError(
                f"{path}: {quoted(name)} is no tensor with a name; a state dict holds nothing else"
            )
        tensors[name] = _finite(path, name, stored)
    return tensors


def _finite(path: Path, name: str, stored: StoredTensor) -> torch.Tensor:
    try:
        tensor = stored.tensor()
    except Malformed as error:
        raise CheckpointError(f"{path}: {quoted(name)}: {error}") from error
    if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
        raise CheckpointError(f"{path}: {quoted(name)} holds NaN or infinity")
    return tensor
