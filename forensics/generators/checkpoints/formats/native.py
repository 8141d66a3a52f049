"""This project's own weights file: safetensors, tensors named `<network>/<key>`, all else in the header.

The header's metadata has one entry, "forensics": JSON {format_version, networks: {name: {kind, config, notes,
origin}}, card}. One entry, because safetensors does not keep the order of several, and equal weights must
give equal bytes. Tensors are stored as float32, or large ones as float16 on request; loading gives float32.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from forensics.core.cards import Card
from forensics.core.errors import CheckpointError
from forensics.core.files import sha256_bytes, write_bytes
from forensics.core.registry import register
from forensics.core.untrusted import parse_json
from forensics.generators.checkpoints.checkpoint import (
    MAX_NAME_CHARACTERS,
    MAX_NETWORKS,
    MAX_TENSORS,
    Checkpoint,
    NetworkState,
    Plain,
    listed,
    plain_tensor,
    quoted,
    require_finite,
)
from forensics.generators.checkpoints.weights_file import WeightsFile

FORMAT_VERSION = 1
METADATA_KEY = "forensics"
MAX_HEADER_BYTES = 16 << 20
# Half precision is for the bulk; scalars, w_avg and the FIR filters keep their 24 bits.
_SMALLEST_HALVED = 4096


def write_native(
    path: Path,
    networks: Mapping[str, NetworkState],
    card: Mapping[str, Any] | None = None,
    *,
    storage: torch.dtype = torch.float32,
) -> str:
    """Write `networks` to `path` atomically and return the SHA-256 of the file.

    card: JSON-able facts about the weights (training data, options, licence). storage: float32, or float16 to
    halve the file: then every tensor of 4096 values or more is rounded. Equal arguments give equal bytes.
    Raises CheckpointError for NaN or infinity, and where a value does not fit float16.
    """
    if storage not in (torch.float32, torch.float16):
        raise CheckpointError(f"{path}: weights are stored as float32 or float16, not {storage}")
    if not networks:
        raise CheckpointError(f"{path}: no network to write")
    tensors: dict[str, torch.Tensor] = {}
    for name, network in networks.items():
        if not name or "/" in name:
            raise CheckpointError(f"{path}: {name!r} cannot name a network; leave out the slash")
        stored = {key: _stored(value, storage) for key, value in network.state.items()}
        require_finite(path, name, stored)
        tensors |= {f"{name}/{key}": value for key, value in stored.items()}
    header = {
        "format_version": FORMAT_VERSION,
        "networks": {name: _described(network) for name, network in networks.items()},
        "card": dict(card or {}),
    }
    text = json.dumps(header, sort_keys=True, allow_nan=False)
    data = save(tensors, metadata={METADATA_KEY: text})
    write_bytes(path, data)
    return sha256_bytes(data)


def _stored(tensor: torch.Tensor, storage: torch.dtype) -> torch.Tensor:
    tensor = plain_tensor(tensor).cpu()
    if tensor.is_floating_point() and tensor.numel() >= _SMALLEST_HALVED:
        tensor = tensor.to(storage)
    # safetensors refuses tensors that share memory; a tied weight is simply stored twice.
    return tensor.clone()


def _described(network: NetworkState) -> Plain:
    described: Plain = {"kind": network.kind, "config": network.config}
    if network.notes:
        described["notes"] = network.notes
    if network.origin:
        described["origin"] = network.origin
    return described


def is_native(data: bytes) -> bool:
    """Whether `data` begins as a safetensors file does: a header length, then a JSON object."""
    return len(data) > 9 and data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8


def read_native(path: Path) -> Checkpoint:
    """Read a file that `write_native` made. Raises CheckpointError for anything else."""
    return NativeReader.read(WeightsFile.open(path))


def parse_native(path: Path, data: bytes, sha256: str | None = None) -> Checkpoint:
    """The checkpoint in `data`, the bytes of the file `path`, which hash to `sha256`."""
    header = _header(path, data)
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise CheckpointError(
            f"{path}: damaged safetensors file ({quoted(error)}); fetch it again"
        ) from error
    states = _states(path, header["networks"], tensors)
    networks = {
        name: _network(path, name, described, states[name]) for name, described in header["networks"].items()
    }
    return Checkpoint(
        str(path),
        sha256 or sha256_bytes(data),
        "native",
        networks,
        card=header["card"],
        n_bytes=len(data),
    )


def _states(
    path: Path, names: Iterable[str], tensors: Mapping[str, torch.Tensor]
) -> dict[str, dict[str, torch.Tensor]]:
    """network → its tensors by key, in the order of the keys."""
    states: dict[str, dict[str, torch.Tensor]] = {name: {} for name in names}
    unowned = [key for key in tensors if key.split("/", 1)[0] not in states]
    if unowned:
        raise CheckpointError(f"{path}: tensors of no declared network: {listed(unowned)}")
    for key in sorted(tensors):
        name, _, rest = key.partition("/")
        states[name][rest] = plain_tensor(tensors[key])
    return states


def _network(path: Path, name: str, described: Any, state: dict[str, torch.Tensor]) -> NetworkState:
    if not isinstance(described, dict) or not isinstance(described.get("kind"), str):
        raise CheckpointError(f"{path}: network {quoted(name)} has no kind in the header")
    parts = {part: described.get(part, kind()) for part, kind in _PARTS.items()}
    if any(not isinstance(parts[part], kind) for part, kind in _PARTS.items()):
        raise CheckpointError(f"{path}: network {quoted(name)} is described wrongly in the header")
    require_finite(path, name, state)
    return NetworkState(
        described["kind"], parts["config"], state, [str(n) for n in parts["notes"]], parts["origin"]
    )


_PARTS: dict[str, type[Any]] = {"config": dict, "notes": list, "origin": dict}


def _header(path: Path, data: bytes) -> Plain:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(MAX_HEADER_BYTES, len(data) - 8):
        raise CheckpointError(f"{path}: safetensors header of {size} bytes; the file is cut off or hostile")
    try:
        outer = parse_json(data[8 : 8 + size])
        metadata = outer.get("__metadata__", {}) if isinstance(outer, dict) else {}
        text = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
        if not isinstance(text, str):
            raise CheckpointError(
                f"{path}: safetensors without this project's header, so the network in it is unknown;"
                " convert the original checkpoint with `forensics convert`"
            )
        header = parse_json(text)
    except ValueError as error:
        raise CheckpointError(f"{path}: unreadable safetensors header ({quoted(error)})") from error
    if not isinstance(header, dict) or header.get("format_version") != FORMAT_VERSION:
        found = header.get("format_version") if isinstance(header, dict) else None
        raise CheckpointError(
            f"{path}: weights format version {quoted(found)}; this release reads {FORMAT_VERSION}, upgrade it"
        )
    if not isinstance(header.get("networks"), dict) or not isinstance(header.setdefault("card", {}), dict):
        raise CheckpointError(f"{path}: the header lists no networks")
    _check_names(path, header["networks"], outer)
    return header


def _check_names(path: Path, networks: Plain, tensors: Plain) -> None:
    """Refuse more networks, tensors or text in names than a weights file has any use for."""
    if len(networks) > MAX_NETWORKS or len(tensors) > MAX_TENSORS:
        raise CheckpointError(
            f"{path}: {len(networks)} networks and {len(tensors)} tensors, and the limits are {MAX_NETWORKS} and"
            f" {MAX_TENSORS}"
        )
    longest = max((len(name) for name in (*networks, *tensors)), default=0)
    if longest > MAX_NAME_CHARACTERS:
        raise CheckpointError(
            f"{path}: a name of {longest} characters, and the limit is {MAX_NAME_CHARACTERS}"
        )


@register(
    "reader",
    "native",
    Card(
        "This project's safetensors: networks under their names, config and card in the header.",
        domain="weights files",
    ),
)
class NativeReader:
    """The reader of this format."""

    title = "this project's safetensors"
    known_as = "this project's .safetensors"

    @staticmethod
    def recognises(file: WeightsFile) -> bool:
        """A safetensors header at the start, and no zip archive."""
        return is_native(file.data) and not file.is_torch_zip

    @staticmethod
    def read(file: WeightsFile) -> Checkpoint:
        """The networks under their names, with the card in the header."""
        return parse_native(file.path, file.data, file.sha256)
