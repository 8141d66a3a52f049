"""The mean spectrum of photographs that ships: `python -m tools.authentic_spectrum PHOTOGRAPHS OUT [--source S]`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from forensics.examiner.spectrum import fit_reference, save_reference


def main(argv: Sequence[str] | None = None) -> None:
    """Write the reference of every PNG and JPEG file in a folder."""
    parser = argparse.ArgumentParser(prog="python -m tools.authentic_spectrum")
    parser.add_argument("photographs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--source", help="what the card calls the photographs (default: the folder's name)")
    asked = parser.parse_args(argv)
    files = sorted(path for path in asked.photographs.iterdir() if path.suffix in {".png", ".jpg"})
    reference = fit_reference(np.asarray(Image.open(file).convert("RGB")) for file in files)
    save_reference(reference, asked.out, asked.source or asked.photographs.name)


if __name__ == "__main__":
    main()
