"""What ships inside the package: generators, the detector, the spectrum of photographs; where, and whether unaltered.

`python -m forensics.core.weights` writes the list of hashes again after weights were replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forensics.core.errors import ForensicsError
from forensics.core.files import sha256_file, write_text
from forensics.core.terminal import print_line

FOLDER: Final = Path(__file__).parents[1] / "weights"
SUMS: Final = "SHA256SUMS"
GENERATORS: Final = ("own-128", "own-64")
_FORMER_NAMES: Final = {"default": "own-128", "default-64": "own-64"}
# Names of what else ships, in folders called so, and what it is.
_OTHERS: Final = {
    "descriptor": "descriptor",
    "descriptor-mobile": "descriptor",
    "detector": "detector",
    "spectrum": "spectrum",
    "upsamplers": "upsamplers",
}
_READ_BY_PROGRAMS: Final = (".safetensors", ".json", ".csv")


@dataclass(frozen=True)
class Shipped:
    """One of them: its name, what it is, its folder, its size in bytes."""

    name: str
    what: str
    folder: Path
    n_bytes: int


def network_name(name_or_path: str | Path) -> str:
    """The name that a network goes by, where a former one was given; anything else as it is."""
    name = str(name_or_path)
    return _FORMER_NAMES.get(name, name)


def weights_file(name_or_path: str | Path) -> Path:
    """The weights file of the network of that name; anything else is a path. A file of that name here is ./NAME."""
    name = network_name(name_or_path)
    if name in GENERATORS:
        return FOLDER / name / "weights.safetensors"
    return Path(name_or_path)


def called(path: Path) -> str:
    """What a report calls a weights file: the name of the network that it is, or that of the file."""
    names = (name for name in GENERATORS if weights_file(name) == path)
    return next(names, path.name)


def shipped() -> list[Shipped]:
    """All that ships, generators first."""
    kinds = dict.fromkeys(GENERATORS, "generator") | _OTHERS
    return [
        Shipped(name, what, FOLDER / name, sum(p.stat().st_size for p in _files(FOLDER / name)))
        for name, what in kinds.items()
    ]


def folder_of(name: str) -> Path:
    """The folder of what ships under that name. Raises `ForensicsError` for another."""
    for one in shipped():
        if one.name == network_name(name):
            return one.folder
    raise ForensicsError(f"nothing called {name!r} ships: choose {', '.join(s.name for s in shipped())}")


def problems() -> list[str]:
    """Files that differ from the list of hashes, are missing, or are not on it; empty when all is as released."""
    listed = _listed()
    found = {path.relative_to(FOLDER).as_posix(): path for path in _files(FOLDER)}
    wrong = [f"{name}: is missing" for name in sorted(listed.keys() - found.keys())]
    wrong += [f"{name}: is not in {SUMS}" for name in sorted(found.keys() - listed.keys())]
    for name in sorted(listed.keys() & found.keys()):
        if sha256_file(found[name]) != listed[name]:
            wrong.append(f"{name}: has been altered")
    return wrong


def write_sums() -> Path:
    """Write the list of hashes, as `sha256sum --check` reads it."""
    lines = [f"{sha256_file(path)}  {path.relative_to(FOLDER).as_posix()}\n" for path in _files(FOLDER)]
    write_text(FOLDER / SUMS, "".join(lines))
    return FOLDER / SUMS


def _listed() -> dict[str, str]:
    path = FOLDER / SUMS
    if not path.is_file():
        raise ForensicsError(f"{path}: is missing; install the package again")
    pairs = [line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
    return {name: sha256 for sha256, name in pairs}


def _files(folder: Path) -> list[Path]:
    """The files that programs read; cards and pictures may be edited."""
    return sorted(path for path in folder.rglob("*") if path.suffix in _READ_BY_PROGRAMS)


if __name__ == "__main__":
    print_line(str(write_sums()))
