"""The pictures of the page on `forensics generate`, made by the commands that the page shows.

`python -m tools.documentation.pictures` writes docs/images/generate-*. Every face is a generated one.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from forensics.core.files import write_bytes
from forensics.core.terminal import note
from tools.documentation.screenshots import IMAGES, shrunk

_COMMAND_LINE: Final = "from forensics.cli import main; main()"
# Picture → the command line that makes it, and the file of its folder that is shown.
PICTURES: Final = {
    "generate-seeds.jpg": (
        "forensics generate {out} --network ffhq-256 --seeds 0-9 --grid 5x2",
        "sheet.png",
    ),
    "generate-noise.jpg": (
        "forensics generate {out} --network ffhq-128 --seeds 0,5 --sheet noise",
        "noise-sheet.png",
    ),
    "generate-psi.jpg": (
        "forensics generate {out} --network ffhq-128 --seeds 0-2 --sheet psi",
        "psi-sheet.png",
    ),
    "generate-seeds.gif": (
        "forensics generate {out} --network ffhq-128 --seeds 0,5,6 --video gif --frames 12 --fps 12 --loop",
        "interpolation.gif",
    ),
}


def main() -> None:
    """Make them all."""
    for name, (command, shown) in PICTURES.items():
        with tempfile.TemporaryDirectory() as folder:
            words = shlex.split(command.format(out=folder))[1:]
            subprocess.run([sys.executable, "-c", _COMMAND_LINE, *words], check=True, capture_output=True)
            made = Path(folder, shown)
            write_bytes(IMAGES / name, made.read_bytes() if made.suffix == ".gif" else shrunk(made))
        note(f"wrote {IMAGES / name}")


if __name__ == "__main__":
    main()
