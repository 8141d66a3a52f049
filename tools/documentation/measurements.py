"""Measurements that the documentation quotes: the commands that make each, and what they wrote, in docs/measured/.

`python -m tools.documentation.measurements NAME...` runs the commands again and writes docs/measured/NAME.json. The
commands need the research data in ../shared.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forensics.core.errors import ForensicsError
from forensics.core.terminal import note
from tools.documentation.records import write_record

_DATA: Final = "../shared/data"
# The detector that ships and needs nothing else, whether or not CLIP's tower was pulled.
_ENSEMBLE: Final = "--detector without-clip"
_COMMAND_LINE: Final = "from forensics.cli import main; main()"


@dataclass(frozen=True)
class Measurement:
    """Commands, run in turn, and the JSON file that the last one writes. `{out}` is a folder of their own."""

    commands: Sequence[str]
    result: str


def _own_faces(network: str) -> Measurement:
    """The detector on 100 faces of a shipped generator, against photographs of the same size."""
    options = f"--generator {network} -n 50"
    photographs = f"--real {_DATA}/faces256/val/real"
    return Measurement(
        (
            f"forensics generate-corpus {{out}}/a {options} --psi 0.7 --seed 51 {photographs}",
            f"forensics generate-corpus {{out}}/b {options} --psi 1.0 --seed 52 --noise random",
            f"forensics benchmark {{out}}/a {{out}}/b --out {{out}}/results --perturb jpeg90 {_ENSEMBLE}",
        ),
        "results/results.json",
    )


MEASUREMENTS: Final[Mapping[str, Measurement]] = {
    "detector-faces256": Measurement(
        (f"forensics benchmark {_DATA}/faces256/val --out {{out}}/results {_ENSEMBLE}",),
        "results/results.json",
    ),
    "detector-clip-faces256": Measurement(
        (f"forensics benchmark {_DATA}/faces256/val --out {{out}}/results --perturb jpeg70,resize75",),
        "results/results.json",
    ),
    "detector-originals1024": Measurement(
        (
            f"forensics benchmark {_DATA}/originals1024 --out {{out}}/results --perturb jpeg90,jpeg70,messenger"
            f" {_ENSEMBLE}",
        ),
        "results/results.json",
    ),
    "detector-own-128": _own_faces("own-128"),
    "detector-own-64": _own_faces("own-64"),
}


def measure(name: str) -> Path:
    """Run the commands of the measurement `name` and write what they found; returns the file."""
    if name not in MEASUREMENTS:
        raise ForensicsError(f"no measurement is called {name!r}: choose one of {', '.join(MEASUREMENTS)}")
    asked = MEASUREMENTS[name]
    with tempfile.TemporaryDirectory() as folder:
        for command in asked.commands:
            note(command.format(out="DIR"))
            _run(command.format(out=folder))
        text = Path(folder, asked.result).read_text(encoding="utf-8")
    return write_record(name, [command.format(out="DIR") for command in asked.commands], json.loads(text))


def _run(command: str) -> None:
    """Run a command line of `forensics` with this Python. Raises ForensicsError where it fails."""
    words = shlex.split(command)[1:]
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND_LINE, *words], stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise ForensicsError(f"`{command}` ended with exit code {done.returncode}")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = ArgumentParser(prog="python -m tools.documentation.measurements", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help=", ".join(MEASUREMENTS))
    for name in parser.parse_args(argv).names:
        note(f"wrote {measure(name)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
