"""Weights files are parsed in a fork of this process, which the kernel bounds; plain records and tensors come back.

What comes back is checked once more here: names, types, magnitudes, counts. A parser that was taken over can only send
another file's numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch

from forensics.core.apart.arrays import head_of, receive_array, send_array
from forensics.core.apart.child import Refused, Send
from forensics.core.apart.forked import Bounds, can_fork, forked
from forensics.core.apart.parent import ApartError, Frames
from forensics.core.errors import CheckpointError
from forensics.core.untrusted import parse_json
from forensics.generators.checkpoints.checkpoint import (
    MAX_NAME_CHARACTERS,
    MAX_NETWORKS,
    MAX_TENSORS,
    Checkpoint,
    NetworkState,
    listed,
    quoted,
)
from forensics.generators.checkpoints.weights_file import WeightsFile

# No trained network holds a value beyond: one of 3e38 is finite, and every image made with it is black.
LARGEST_VALUE: Final = 1e6
_MAX_RECORD_BYTES: Final = 32 << 20
_MEMORY_BYTES: Final = 320 << 20  # beyond twice the file
_SECONDS: Final = 8.0
_BYTES_A_SECOND: Final = 10_000_000


def read_apart(file: WeightsFile, parse: Callable[[WeightsFile], Checkpoint]) -> Checkpoint:
    """What `parse` makes of `file`, called in a fork; this process lets go of the bytes meanwhile.

    Raises CheckpointError, one line, also where it takes too long, too much memory, or crashes.
    """
    label = str(file.path)
    if not can_fork():
        return _checked(parse(file), label)
    bounds = Bounds(_SECONDS + file.n_bytes / _BYTES_A_SECOND, 2 * file.n_bytes + _MEMORY_BYTES)
    try:
        sent = forked(lambda send: _send(file, parse, send), _receive, bounds, begun=file.let_go)
        return _checked(sent, label)
    except ApartError as error:
        text = str(error)
        raise CheckpointError(text if text.startswith(label) else f"{label}: {quoted(text)}") from error


def _send(file: WeightsFile, parse: Callable[[WeightsFile], Checkpoint], send: Send) -> None:
    torch.set_num_threads(1)  # a fork has one thread, and OpenMP would wait for the others for ever
    try:
        checkpoint = parse(file)
    except CheckpointError as error:
        raise Refused(str(error)) from error
    tensors = [
        (name, key, value.detach().contiguous().numpy())
        for name, network in checkpoint.networks.items()
        for key, value in network.state.items()
    ]
    record = {
        **{key: value for key, value in vars(checkpoint).items() if key != "networks"},
        "networks": {name: _plain(network) for name, network in checkpoint.networks.items()},
        "tensors": [[name, key, *head_of(value)] for name, key, value in tensors],
    }
    send(b"H", json.dumps(record).encode())
    for _, _, value in tensors:
        send_array(send, value)


def _plain(network: NetworkState) -> dict[str, object]:
    return {key: value for key, value in vars(network).items() if key != "state"}


def _receive(frames: Frames) -> Checkpoint:
    record = parse_json(frames.expect(b"H", _MAX_RECORD_BYTES))
    networks = {
        name: NetworkState(
            str(plain["kind"]), plain["config"], {}, plain["notes"], plain["origin"], str(plain["source"])
        )
        for name, plain in record["networks"].items()
    }
    for name, key, dtype, shape in record["tensors"]:
        networks[name].state[key] = torch.from_numpy(receive_array(frames, dtype, shape))
    frames.expect(b"D", 0)
    return Checkpoint(
        record["path"],
        record["sha256"],
        record["format"],
        networks,
        record["card"],
        record["notes"],
        record["n_bytes"],
    )


def _checked(checkpoint: Checkpoint, label: str) -> Checkpoint:
    """`checkpoint`, within what any network needs. Raises CheckpointError."""
    n_tensors = sum(len(network.state) for network in checkpoint.networks.values())
    if len(checkpoint.networks) > MAX_NETWORKS or n_tensors > MAX_TENSORS:
        raise CheckpointError(
            f"{label}: {len(checkpoint.networks)} networks and {n_tensors} tensors, and the limits are"
            f" {MAX_NETWORKS} and {MAX_TENSORS}"
        )
    names = [
        *checkpoint.networks,
        *(key for network in checkpoint.networks.values() for key in network.state),
    ]
    longest = max(map(len, names), default=0)
    if longest > MAX_NAME_CHARACTERS:
        raise CheckpointError(
            f"{label}: a name of {longest} characters, and the limit is {MAX_NAME_CHARACTERS}"
        )
    for name, network in checkpoint.networks.items():
        _require_bounded(label, name, network.state)
    return checkpoint


def _require_bounded(label: str, network: str, state: Mapping[str, Any]) -> None:
    large = [
        key
        for key, value in state.items()
        if value.is_floating_point() and value.numel() and float(value.abs().max()) > LARGEST_VALUE
    ]
    if large:
        raise CheckpointError(
            f"{label}: {quoted(network)} holds numbers beyond {LARGEST_VALUE:g} in {listed(large)}, as no trained"
            " network does; use another copy"
        )
