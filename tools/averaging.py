"""A generator as the weighted mean of states of one lineage that lie far apart.

`python -m tools.averaging OUT SHARE:WEIGHTS SHARE:WEIGHTS ...` writes OUT: the mean of the
generators (G_ema), everything else (discriminator, noise, card) of the first file. `forensics train --resume OUT` goes
on from it.

G_ema averages over the last few kimg. What training does to a generator to and fro over tens of kimg, where its terms
pull different ways, stays in it. On the embedded generator of 128 px, a quarter of a state some 50 kimg older made
whole faces of broken ones to look at, at the price of variety and of KID, which further training is to bring back.
Sources: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization" (UAI 2018); Yazıcı et al.,
"The Unusual Effectiveness of Averaging in GAN Training" (ICLR 2019).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from forensics.core.errors import ForensicsError
from forensics.core.terminal import print_line
from forensics.generators.checkpoints import Checkpoint, NetworkState, build, read_checkpoint, write_native

_NAME = "G_ema"


def averaged(parts: Sequence[tuple[float, Checkpoint]]) -> dict[str, NetworkState]:
    """Networks of the first checkpoint, the parameters and w_avg of its G_ema the mean by the shares of all.

    Shares need not sum to 1. Raises `ForensicsError` for fewer than two parts, shares of 0 or less, and generators that
    differ in kind or configuration.
    """
    if len(parts) < 2:
        raise ForensicsError("a mean needs two weights files or more")
    if not all(share > 0 and math.isfinite(share) for share, _ in parts):
        raise ForensicsError(f"shares are numbers above 0, not {', '.join(str(share) for share, _ in parts)}")
    networks = [_generator(checkpoint) for _, checkpoint in parts]
    first = networks[0]
    for (_, checkpoint), network in zip(parts[1:], networks[1:], strict=True):
        if (network.kind, network.config) != (first.kind, first.config):
            raise ForensicsError(
                f"{checkpoint.path}: another network than {parts[0][1].path}; a mean needs the same"
            )
    total = sum(share for share, _ in parts)
    learned = [name for name, _ in build(first).named_parameters()]
    learned += [name for name in first.state if name.endswith("w_avg")]
    state = dict(first.state)
    for name in learned:
        values = zip(parts, networks, strict=True)
        state[name] = sum(
            (network.state[name].float() * (share / total) for (share, _), network in values),
            torch.zeros_like(first.state[name], dtype=torch.float32),
        )
    return parts[0][1].networks | {_NAME: replace(first, state=state)}


def _generator(checkpoint: Checkpoint) -> NetworkState:
    if _NAME not in checkpoint.networks:
        raise ForensicsError(f"{checkpoint.path}: holds no {_NAME}, but {', '.join(checkpoint.networks)}")
    return checkpoint.networks[_NAME]


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
    first = parts[0][1]
    shares = [[share, checkpoint.sha256] for share, checkpoint in parts]
    # What psi 1 was in the first (spread.py) says nothing of the mean.
    card = {name: value for name, value in first.card.items() if name != "psi_1_was"} | {"mean_of": shares}
    sha256 = write_native(options.out, averaged(parts), card, storage=torch.float16)
    print_line(f"{options.out}: mean of {len(parts)}, sha256 {sha256}")


if __name__ == "__main__":
    main()
