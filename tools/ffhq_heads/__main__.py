"""The heads of `ffhq-64`, `-128`, `-256` and `-512`: how they were found, and what they are worth.

    python -m tools.ffhq_heads collect FOLDER --n 1000
    python -m tools.ffhq_heads fit FOLDER forensics/weights
    python -m tools.ffhq_heads measure FOLDER --pack ../shared/data/insightface/models/scrfd_mbf
    python -m tools.ffhq_heads reduced FOLDER --pack ../shared/data/insightface/models/scrfd_mbf
    python -m tools.ffhq_heads sheets FOLDER
    python -m tools.ffhq_heads speed

`measure` writes docs/measured/ffhq-heads.json and keeps its pictures in FOLDER; it goes on where it was killed.
`reduced` does the same for larger heads whose pictures are reduced (ffhq-heads-reduced.json). `speed` writes
docs/measured/ffhq-heads-speed.json: run it where nothing else runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from forensics.core.terminal import print_line
from tools.documentation.records import write_record


def _measure(step: str, folder: Path, n: int, psi: float, pack: Path) -> None:
    from tools.ffhq_heads.evidence import measure_heads, measure_reduced
    from tools.ffhq_heads.pictures import make_pictures

    make_pictures(folder, n, psi)
    command = f"python -m tools.ffhq_heads {step} FOLDER --n {n} --psi {psi:g} --pack {pack.name}"
    name, run = (
        ("ffhq-heads", measure_heads) if step == "measure" else ("ffhq-heads-reduced", measure_reduced)
    )
    print_line(str(write_record(name, [command], run(folder, n, psi, pack))))


def _speed() -> None:
    from tools.ffhq_heads.speed import measure_speed

    print_line(str(write_record("ffhq-heads-speed", ["python -m tools.ffhq_heads speed"], measure_speed())))


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.ffhq_heads", description=__doc__)
    parser.add_argument("step", choices=("collect", "fit", "measure", "reduced", "sheets", "speed"))
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--psi", type=float, default=0.7)
    parser.add_argument("--pack", type=Path, default=Path("../shared/data/insightface/models/scrfd_mbf"))
    options = parser.parse_args(arguments)
    if options.step == "speed":
        _speed()
        return
    folder = options.folders[0]
    if options.step in ("measure", "reduced"):
        _measure(options.step, folder, options.n, options.psi, options.pack)
    elif options.step == "sheets":
        from tools.ffhq_heads.sheets import write_sheets

        write_sheets(folder)
    elif options.step == "collect":
        from tools.ffhq_heads.fitting import collect

        collect(folder, options.n)
    else:
        from tools.ffhq_heads.fitting import fit

        fit(folder, options.folders[1])


if __name__ == "__main__":
    main()
