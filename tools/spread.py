"""A StyleGAN2 whose psi counts in other units: what OUT makes at psi is what WEIGHTS makes at SHARE * psi.

`python -m tools.spread OUT SHARE WEIGHTS`; WEIGHTS is a file or a name that ships.

Training of the embedded generators shows its discriminators faces truncated to psi between `lowest_psi` and 1, so psi 1
is the far end of what they were asked for and not its middle; a share below 1 makes a psi within that range the 1 of
users. Exact: styles are affine in w, so their weights times SHARE, and biases that keep what w_avg gets, do it for
every layer and every psi. The discriminator and everything else stay. Training can go on from OUT.
Source: Karras et al., "A Style-Based Generator Architecture" (CVPR 2019), appendix B, for truncation.
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
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.checkpoints import Checkpoint, NetworkState, build, read_checkpoint, write_native

_NAME = "G_ema"


@torch.no_grad()
def spread(checkpoint: Checkpoint, share: float) -> dict[str, NetworkState]:
    """Networks of the checkpoint, its G_ema made so that psi 1 is what was psi `share`.

    Raises `ForensicsError` for a share that is no number above 0, and for files without a G_ema of StyleGAN2.
    """
    if not (share > 0 and math.isfinite(share)):
        raise ForensicsError(f"a share is a number above 0, not {share}")
    network = checkpoint.networks.get(_NAME)
    generator = None if network is None else build(network)
    if network is None or not isinstance(generator, StyleGAN2Generator):
        raise ForensicsError(f"{checkpoint.path}: holds no {_NAME} of StyleGAN2")
    w_avg = generator.w_avg[None]
    for _, layer, _ in generator.synthesis.modulated_layers():
        affine = layer.affine
        from_w_avg = (affine(w_avg) - affine(torch.zeros_like(w_avg)))[0]
        affine.bias.add_((1 - share) * from_w_avg)
        affine.weight.mul_(share)
    state = {name: value.detach().clone() for name, value in generator.state_dict().items()}
    return checkpoint.networks | {_NAME: replace(network, state=state)}


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.spread", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("share", type=float)
    parser.add_argument("weights", type=Path)
    options = parser.parse_args(argv)
    checkpoint = read_checkpoint(options.weights)
    networks, before = spread(checkpoint, options.share), checkpoint.card.get("psi_1_was")
    total = options.share * (before if isinstance(before, float) else 1.0)
    card = checkpoint.card | {"psi_1_was": total}
    sha256 = write_native(options.out, networks, card, storage=torch.float16)
    print_line(f"{options.out}: psi 1 is what was psi {options.share:g}, sha256 {sha256}")


if __name__ == "__main__":
    main()
