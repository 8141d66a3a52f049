"""Weights whose psi counts in other units: `python -m tools.spread OUT SHARE WEIGHTS`.

What OUT makes at psi is what WEIGHTS, a file or a name that ships, makes at SHARE * psi. The discriminator and
everything else stay. See `forensics/generators/training/psi.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from forensics.core.terminal import print_line
from forensics.generators.checkpoints import read_checkpoint, write_native
from forensics.generators.training.psi import psi_1_was, with_psi_moved


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.spread", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("share", type=float)
    parser.add_argument("weights", type=Path)
    options = parser.parse_args(argv)
    checkpoint = read_checkpoint(options.weights)
    networks = with_psi_moved(checkpoint, options.share)
    card = checkpoint.card | {"psi_1_was": psi_1_was(checkpoint.card, options.share)}
    sha256 = write_native(options.out, networks, card, storage=torch.float16)
    print_line(f"{options.out}: psi 1 is what was psi {options.share:g}, sha256 {sha256}")


if __name__ == "__main__":
    main()
