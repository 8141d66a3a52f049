"""States of a training in a third of their bytes: weights in 41 steps of their row's largest, compressed.

What `study equilibrium` says of them stays what it was within the spread of its samples: overlap 0.345 and 0.350 at 24
kimg, 0.120 and 0.120 at 108 kimg (200 photographs, 200 latents). Images differ by 0.04 to 0.05 of a range of 2: such a
state is for comparing states, not for making faces.
"""

from __future__ import annotations

import json
import lzma
import math
import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints import Checkpoint, NetworkState, write_native

_STEPS = 20  # to either side of 0
_WHOLE = 4096  # tensors of fewer values, and vectors, are kept as float16
_LENGTH = struct.Struct("<Q")


def pack(checkpoint: Checkpoint) -> bytes:
    """The networks of a checkpoint and its card, as `unpack` reads them."""
    header: dict[str, object] = {"card": checkpoint.card, "networks": {}}
    networks: dict[str, object] = {}
    payload = []
    for name, network in checkpoint.networks.items():
        shapes = {key: list(value.shape) for key, value in network.state.items()}
        networks[name] = {"kind": network.kind, "config": network.config, "shapes": shapes}
        payload += [_packed(value) for value in network.state.values()]
    header["networks"] = networks
    head = json.dumps(header).encode()
    return lzma.compress(_LENGTH.pack(len(head)) + head + b"".join(payload), preset=9)


def unpack(packed: bytes, out: Path) -> str:
    """Write what was packed as a weights file (float16); gives its sha256. Raises `CheckpointError` for other bytes."""
    try:
        data = lzma.decompress(packed)
        (length,) = _LENGTH.unpack_from(data)
        header = json.loads(data[_LENGTH.size : _LENGTH.size + length])
        reader = _Reader(data, _LENGTH.size + length)
        networks = {
            name: NetworkState(
                one["kind"],
                one["config"],
                {key: reader.tensor(shape) for key, shape in one["shapes"].items()},
            )
            for name, one in header["networks"].items()
        }
    except (lzma.LZMAError, struct.error, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"not a packed state ({error})") from error
    return write_native(out, networks, header["card"], storage=torch.float16)


def _is_whole(shape: list[int]) -> bool:
    return len(shape) < 2 or math.prod(shape) < _WHOLE


def _packed(value: Tensor) -> bytes:
    array = value.float().numpy()
    if _is_whole(list(array.shape)):
        whole: bytes = array.astype(np.float16).tobytes()
        return whole
    rows = array.reshape(len(array), -1)
    step = (np.abs(rows).max(axis=1, keepdims=True) / _STEPS + 1e-7).astype(np.float16)
    steps = np.clip(np.round(rows / step.astype(np.float32)), -_STEPS, _STEPS).astype(np.int8)
    packed: bytes = step.tobytes() + steps.tobytes()
    return packed


class _Reader:
    """Arrays out of bytes, one after the other."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def tensor(self, shape: list[int]) -> Tensor:
        if _is_whole(shape):
            return torch.from_numpy(self._array(np.float16, math.prod(shape)).reshape(shape))
        step = self._array(np.float16, shape[0])[:, None]
        steps = self._array(np.int8, math.prod(shape)).reshape(shape[0], -1)
        return torch.from_numpy((steps * step.astype(np.float32)).reshape(shape))

    def _array(self, kind: type[np.generic], count: int) -> np.ndarray:
        array = np.frombuffer(self.data, kind, count, self.at).copy()
        self.at += array.nbytes
        return array
