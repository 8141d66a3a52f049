"""From stored records to torch tensors, with a bound on how much one network may take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints.checkpoint import plain_tensor, quoted, require_finite
from forensics.generators.checkpoints.pickles.records import Malformed, NumpyArray, StoredTensor

_SLACK_BYTES = 1 << 20


def tensors_of(source: str, stored: Mapping[Any, Any], n_bytes: int) -> dict[str, torch.Tensor]:
    """Every tensor of `stored`, as float32 where it is floating point, under its name.

    n_bytes: size of the file. One network may take twice that (fp16 becomes float32): tensors that share memory in
    the file do not share it here, so a small file could otherwise ask for any amount.
    Raises CheckpointError for anything that is not a finite tensor.
    """
    for key, value in stored.items():
        if not isinstance(key, str) or not isinstance(value, StoredTensor | NumpyArray):
            raise CheckpointError(f"{source}: {quoted(key)} is a {type(value).__name__}, not a tensor")
        if not key.isprintable():
            raise CheckpointError(f"{source}: {quoted(key)!r} cannot name a tensor; refused")
    total = sum(4 * _numel(value) for value in stored.values())
    if total > 2 * n_bytes + _SLACK_BYTES:
        raise CheckpointError(
            f"{source}: its tensors would take {total} bytes and the file has {n_bytes}; refused"
        )
    state = {key: _tensor(source, key, value) for key, value in stored.items()}
    require_finite(source, "it", state)
    return state


def _numel(value: StoredTensor | NumpyArray) -> int:
    return value.numel if isinstance(value, StoredTensor) else len(value.data)


def _tensor(source: str, key: str, value: StoredTensor | NumpyArray) -> torch.Tensor:
    try:
        return plain_tensor(
            value.tensor() if isinstance(value, StoredTensor) else torch.from_numpy(value.array())
        )
    except (Malformed, TypeError) as error:
        raise CheckpointError(f"{source}: {quoted(key)}: {quoted(error)}") from error
