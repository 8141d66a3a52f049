"""`python -m tools.states OUT`: unpack the early and the middle state of the 64-px training into the folder OUT.

Then `forensics study equilibrium OUT/*.safetensors own-64 --data photographs/ --out out`.
`python -m tools.states OUT --pack WEIGHTS ...` makes such files of weights files.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from forensics.core.files import write_bytes
from forensics.core.terminal import print_line
from forensics.generators.checkpoints import read_checkpoint
from tools.states.packing import pack, unpack

FOLDER = Path(__file__).parent


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.states", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pack", nargs="+", type=Path, default=[], metavar="WEIGHTS")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    for path in options.pack:
        write_bytes(options.out / f"{path.stem}.xz", pack(read_checkpoint(path)))
    for path in sorted(FOLDER.glob("*.xz")) if not options.pack else ():
        weights = options.out / f"{path.stem}.safetensors"
        print_line(f"{weights}: sha256 {unpack(path.read_bytes(), weights)}")


if __name__ == "__main__":
    main()
