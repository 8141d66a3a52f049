"""The mean of weights files of one lineage: `python -m tools.averaging OUT SHARE:WEIGHTS SHARE:WEIGHTS ...`.

OUT holds the mean of the generators (G_ema), and everything else (discriminator, noise, card) of the first file.
`forensics train --resume OUT` goes on from it. See `forensics/generators/training/averaging.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from forensics.core.errors import ForensicsError
from forensics.core.terminal import print_line
from forensics.generators.checkpoints import Checkpoint, read_checkpoint, write_native
from forensics.generators.training.averaging import averaged, card_of_mean


def _part(text: str) -> tuple[float, Checkpoint]:
    share, _, path = text.partition(":")
    try:
        number = float(share)
    except ValueError as error:
        raise ForensicsError(
            f"{text!r} is no part of a mean: give SHARE:WEIGHTS, as in 3:new.safetensors"
        ) from error
    return number, read_checkpoint(path)


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.averaging", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("parts", nargs="+", metavar="SHARE:WEIGHTS")
    options = parser.parse_args(argv)
    parts = [_part(text) for text in options.parts]
    sha256 = write_native(options.out, averaged(parts), card_of_mean(parts), storage=torch.float16)
    print_line(f"{options.out}: mean of {len(parts)}, sha256 {sha256}")


if __name__ == "__main__":
    main()
