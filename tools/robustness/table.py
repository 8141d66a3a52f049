"""What every hostile kind of input costs: seconds and memory, measured, for the documentation.

`python -m tools.robustness.table` runs the command line on each kind and writes docs/measured/hostile.json.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image
from skimage.data import astronaut

from forensics.core.terminal import print_line
from tools.documentation.records import write_record
from tools.robustness.hostile.corpora import CORPORA, TREES, honest_tree
from tools.robustness.hostile.detectors import DETECTORS, copy_of_the_shipped
from tools.robustness.hostile.networks import WEIGHTS
from tools.robustness.hostile.photographs import ARCHIVES
from tools.robustness.measured import Outcome, run_each

NAME: Final = "hostile"


@dataclass(frozen=True)
class Attack:
    """One kind of hostile input as it lies on the disk: what made it, the words to run on it, its size in bytes."""

    what: str
    words: tuple[str | Path, ...]
    n_bytes: int


def weights_attacks(folder: Path) -> dict[str, Attack]:
    """Each kind of weights file, looked into ("inspect NAME") and loaded ("load NAME")."""
    attacks = {}
    for name, write in WEIGHTS.items():
        path = folder / name
        write(path)
        n_bytes = path.stat().st_size if path.is_file() else 0
        what = _what(write)
        attacks[f"inspect {name}"] = Attack(what, ("inspect", path), n_bytes)
        attacks[f"load {name}"] = Attack(what, ("export", path, folder / f"{name}.onnx"), n_bytes)
    return attacks


def detector_attacks(folder: Path) -> dict[str, Attack]:
    """Each kind of detector folder, used on a picture."""
    picture = folder / "picture.png"
    Image.fromarray(astronaut()[:256, :256]).save(picture)
    attacks = {}
    for name, alter in DETECTORS.items():
        place = folder / name
        place.mkdir()
        copy_of_the_shipped(place)
        alter(place)
        attacks[name] = Attack(
            _what(alter), ("detect", picture, "--detector", place, "--no-faces", "--json"), 0
        )
    return attacks


def corpus_attacks(folder: Path) -> dict[str, Attack]:
    """Each kind of corpus or tree, trained on."""
    honest_tree(folder / "photographs")
    words: list[str | Path] = ["generate-corpus", folder / "honest", "-n", "4", "--generator", "own-64"]
    made = run_each({"make": [*words, "--real", folder / "photographs" / "real"]})["make"]
    if made.code != 0:
        raise RuntimeError(made.stderr)
    attacks = {}
    for name, alter in {**CORPORA, **TREES}.items():
        place = folder / name
        if name in CORPORA:
            shutil.copytree(folder / "honest", place)
        else:
            honest_tree(place)
        alter(place)
        train = ("train-detector", folder / f"{name}-detector", place, "--kind", "frequency")
        attacks[name] = Attack(_what(alter), train, 10_000_000)
    return attacks


def archive_attacks(folder: Path) -> dict[str, Attack]:
    """Each kind of archive to train on, in which no picture can be used."""
    attacks = {}
    for name, write in ARCHIVES.items():
        path = folder / f"{name}.zip"
        write(path)
        n_bytes = path.stat().st_size if path.is_file() else 0
        attacks[name] = Attack(_what(write), ("train", folder / name, "--data", path), n_bytes)
    return attacks


ROOMS: Final[Mapping[str, Callable[[Path], dict[str, Attack]]]] = {
    "weights files": weights_attacks,
    "detector folders": detector_attacks,
    "corpora and trees": corpus_attacks,
    "archives of photographs": archive_attacks,
}


def run_attacks(attacks: Mapping[str, Attack]) -> dict[str, Outcome]:
    """What became of each."""
    return run_each({name: attack.words for name, attack in attacks.items()})


def _what(function: Callable[[Path], None]) -> str:
    return (function.__doc__ or "").split("\n", 1)[0].strip()


def main() -> None:
    """Measure every kind and write the table."""
    rooms: dict[str, list[dict[str, str | float | int]]] = {}
    for room, prepare in ROOMS.items():
        with tempfile.TemporaryDirectory() as scratch:
            outcomes = run_attacks(prepare(Path(scratch)))
        rooms[room] = [
            {
                "kind": name,
                "exit_code": o.code,
                "seconds": round(o.seconds, 2),
                "peak_mb": round(o.peak_bytes / 1e6),
            }
            for name, o in outcomes.items()
        ]
    path = write_record(NAME, ["python -m tools.robustness.table"], rooms)
    print_line(f"{path}: {sum(map(len, rooms.values()))} kinds")


if __name__ == "__main__":
    main()
