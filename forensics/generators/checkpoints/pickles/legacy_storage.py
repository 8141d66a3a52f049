"""The streams torch.save wrote before version 1.6, and still writes for one storage inside another pickle.

Layout: pickles of a magic number, of 1001, of a dict about the system, of the object (its storages are persistent
ids) and of the list of storage keys; then for each key a little-endian int64 count and the raw numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch

from forensics.generators.checkpoints.pickles.records import STORAGE_DTYPES, Global, Malformed, Storage

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
# The pickle of MAGIC at protocol 2, with which every such stream begins.
PREFIX = b"\x80\x02\x8a\x0a" + MAGIC.to_bytes(10, "little") + b"."
_MAX_STORAGES = 100_000


class PickleMachine(Protocol):
    """What runs one pickle: the unpickler, of which this module knows no more."""

    def load(self, data: bytes, start: int = 0) -> tuple[Any, int]:
        """The value of the pickle that begins at byte `start`, and the position after it."""
        ...


MakeUnpickler = Callable[[Callable[[Any], Any] | None], PickleMachine]


def parse(data: bytes, unpickler: MakeUnpickler) -> Storage:
    """The one storage in `data`. Raises Malformed, or CheckpointError out of the pickles."""
    value = parse_object(data, unpickler)
    if not isinstance(value, Storage):
        raise Malformed(f"a nested torch.save stream that holds a {type(value).__name__}, not a storage")
    return value


def parse_object(data: bytes, unpickler: MakeUnpickler) -> Any:
    """The object in `data`, with every storage filled."""
    if not data.startswith(PREFIX):
        raise Malformed("a nested torch.save stream without its magic number")
    protocol, position = unpickler(None).load(data, len(PREFIX))
    system, position = unpickler(None).load(data, position)
    if protocol != PROTOCOL or not isinstance(system, dict):
        raise Malformed(f"torch.save protocol {protocol!r}, and only {PROTOCOL} is known")
    storages: dict[str, Storage] = {}
    big_endian = system.get("little_endian") is False
    value, position = unpickler(lambda pid: _declared(pid, storages, big_endian)).load(data, position)
    keys, position = unpickler(None).load(data, position)
    if not isinstance(keys, list) or len(keys) != len(storages) or set(map(str, keys)) != set(storages):
        raise Malformed("storage keys that do not match the object")
    _fill(data, position, [storages[str(key)] for key in keys])
    return value


def storage_id(pid: Any) -> tuple[torch.dtype, str, int]:
    """(dtype, key, numel) of a persistent id ('storage', torch.FloatStorage, key, device, numel[, view])."""
    if type(pid) is not tuple or len(pid) not in (5, 6) or pid[0] != "storage":
        raise Malformed("a persistent id that is not a storage")
    _, tag, key, _, numel, *view = pid
    if not isinstance(tag, Global) or tag.module != "torch" or tag.name not in STORAGE_DTYPES:
        raise Malformed(f"a storage of {tag if isinstance(tag, Global) else type(tag).__name__}")
    if not isinstance(key, str) or type(numel) is not int or numel < 0:
        raise Malformed("a storage without key or size")
    if view not in ([], [None]):
        raise Malformed("a storage that is a view of another")
    return STORAGE_DTYPES[tag.name], key, numel


def _declared(pid: Any, storages: dict[str, Storage], big_endian: bool) -> Storage:
    dtype, key, numel = storage_id(pid)
    known = storages.get(key)
    if known is not None:
        if (known.dtype, known.numel) != (dtype, numel):
            raise Malformed("one storage declared in two ways")
        return known
    if len(storages) >= _MAX_STORAGES:
        raise Malformed(f"more than {_MAX_STORAGES} storages")
    storages[key] = Storage(dtype, numel, big_endian=big_endian)
    return storages[key]


def _fill(data: bytes, position: int, storages: list[Storage]) -> None:
    """Give each storage its bytes of `data`, after checking that they are there."""
    view = memoryview(data)
    for storage in storages:
        order = "big" if storage.big_endian else "little"
        count = int.from_bytes(view[position : position + 8], order)  # type: ignore[arg-type]
        position += 8
        left = len(data) - position
        if count != storage.numel or storage.n_bytes > left:
            raise Malformed(
                f"a storage of {storage.numel} values ({storage.n_bytes} bytes), and the file has {max(left, 0)} left"
            )
        storage.data = view[position : position + storage.n_bytes]
        position += storage.n_bytes
    if position != len(data):
        raise Malformed(f"{len(data) - position} bytes after the last storage")
