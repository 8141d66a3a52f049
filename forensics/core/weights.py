"""The door to weights: what ships inside the package, what can be pulled, where each is, and whether it is unaltered.

A network's name is taken wherever a weights file is. Nothing is fetched here: what is not on this machine is an error
with the command to run. `python -m forensics.core.weights` writes the list of hashes again after weights that ship
were replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forensics.core.errors import ForensicsError, NetworkMissing
from forensics.core.files import sha256_file, write_text
from forensics.core.networks import store
from forensics.core.networks.table import PULLABLE, pullable
from forensics.core.terminal import print_line

FOLDER: Final = Path(__file__).parents[1] / "weights"
SUMS: Final = "SHA256SUMS"
GENERATORS: Final = ("own-128", "own-64", "ffhq-1024", "ffhq-512", "ffhq-256", "ffhq-128", "ffhq-64")
_FORMER_NAMES: Final = {"default": "own-128", "default-64": "own-64"}
# Names of what else ships, in folders called so, and what it is.
_OTHERS: Final = {
    "descriptor": "descriptor",
    "descriptor-mobile": "descriptor",
    "detector": "detector",
    "detector-clip": "detector",
    "encoder-ffhq-256": "encoder",
    "encoder-own-128": "encoder",
    "encoder-own-64": "encoder",
    "face-finder": "face finder",
    "spectrum": "spectrum",
    "upsamplers": "upsamplers",
}
_READ_BY_PROGRAMS: Final = (".safetensors", ".json", ".csv")
_PULLABLE_NAMES: Final = tuple(network.name for network in PULLABLE)


@dataclass(frozen=True)
class Listed:
    """One network or other weights: name, kind in a word, folder, size in bytes, and `state`: ships, here or absent.

    `licence`, `summary`, `package` and `unlocks` are those of networks that can be pulled, "" for what ships.
    """

    name: str
    what: str
    folder: Path
    n_bytes: int
    state: str
    licence: str = ""
    summary: str = ""
    package: str = ""
    unlocks: str = ""


def network_name(name_or_path: str | Path) -> str:
    """The name that a network goes by, where a former one was given; anything else as it is."""
    name = str(name_or_path)
    return _FORMER_NAMES.get(name, name)


def network_names() -> tuple[str, ...]:
    """Names that may stand for a weights file of a generator."""
    return GENERATORS + tuple(network.name for network in PULLABLE if network.what == "generator")


def weights_file(name_or_path: str | Path) -> Path:
    """The weights file of the network of that name; anything else is a path. A file of that name here is ./NAME.

    Raises NetworkMissing, one line with the command to run, for a network that has not been pulled.
    """
    name = network_name(name_or_path)
    if name in GENERATORS:
        return FOLDER / name / "weights.safetensors"
    return network_file(name) if name in _PULLABLE_NAMES else Path(name_or_path)


def network_file(name: str) -> Path:
    """The file of a pulled network that its reader takes. Raises NetworkMissing where it has not been pulled."""
    return store.network_file(pullable(name))


def is_here(name: str) -> bool:
    """Whether the network of that name was pulled."""
    return store.is_here(pullable(name))


def missing_network(name: str) -> NetworkMissing:
    """The error, to be raised, that says which network is missing and the command that gets it."""
    return store.missing_network(pullable(name))


def called(path: Path) -> str:
    """What a report calls a weights file: the name of the network that it is, or that of the file."""
    names = (name for name in GENERATORS if weights_file(name) == path)
    return next(names, path.name)


def listed() -> list[Listed]:
    """All there is: what ships, generators first, then what can be pulled."""
    shipped = dict.fromkeys(GENERATORS, "generator") | _OTHERS
    return [
        *(
            Listed(name, what, FOLDER / name, _n_bytes(FOLDER / name), "ships")
            for name, what in shipped.items()
        ),
        *(
            Listed(
                network.name,
                network.what,
                store.folder(network),
                network.n_bytes,
                "here" if store.is_here(network) else "absent",
                network.licence,
                network.summary,
                network.requirement,
                network.unlocks,
            )
            for network in PULLABLE
        ),
    ]


def folder_of(name: str) -> Path:
    """The folder of what goes by that name. ForensicsError: no such name; NetworkMissing: it was not pulled."""
    for one in listed():
        if one.name == network_name(name):
            if one.state == "absent":
                raise missing_network(name)
            return one.folder
    raise ForensicsError(f"no network is called {name!r}: choose {', '.join(one.name for one in listed())}")


def problems() -> list[str]:
    """Files that differ from what was released or pulled, are missing, or do not belong; empty when all is well."""
    expected = _sums()
    present = {path.relative_to(FOLDER).as_posix(): path for path in _files(FOLDER)}
    wrong = [f"{name}: is missing" for name in sorted(expected.keys() - present.keys())]
    wrong += [f"{name}: is not in {SUMS}" for name in sorted(present.keys() - expected.keys())]
    for name in sorted(expected.keys() & present.keys()):
        if sha256_file(present[name]) != expected[name]:
            wrong.append(f"{name}: has been altered")
    return wrong + [problem for network in PULLABLE for problem in store.problems(network)]


def write_sums() -> Path:
    """Write the list of hashes of what ships, as `sha256sum --check` reads it."""
    lines = [f"{sha256_file(path)}  {path.relative_to(FOLDER).as_posix()}\n" for path in _files(FOLDER)]
    write_text(FOLDER / SUMS, "".join(lines))
    return FOLDER / SUMS


def _sums() -> dict[str, str]:
    path = FOLDER / SUMS
    if not path.is_file():
        raise ForensicsError(f"{path}: is missing; install the package again")
    pairs = [line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
    return {name: sha256 for sha256, name in pairs}


def _files(folder: Path) -> list[Path]:
    """The files that programs read; cards and pictures may be edited."""
    return sorted(path for path in folder.rglob("*") if path.suffix in _READ_BY_PROGRAMS)


def _n_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))


if __name__ == "__main__":
    print_line(str(write_sums()))
