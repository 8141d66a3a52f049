"""A StyleGAN2 whose psi counts in other units: what it makes at psi is what it made at SHARE * psi before.

Training of the embedded generators shows its discriminators faces truncated to psi between `lowest_psi` and 1, so psi 1
is the far end of what they were asked for and not its middle; a share below 1 makes a psi within that range the 1 of
users. Exact: styles are affine in w, so their weights times SHARE, and biases that keep what w_avg gets, do it for
every layer and every psi. Training can go on from it.
Source: Karras et al., "A Style-Based Generator Architecture" (CVPR 2019), appendix B, for truncation.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from forensics.core.errors import ForensicsError
from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.base import Generator
from forensics.generators.checkpoints import Checkpoint, NetworkState, build

NETWORK = "G_ema"


@torch.no_grad()
def move_psi(generator: Generator, share: float) -> None:
    """Make psi 1 of `generator` what was psi `share`.

    Raises `ForensicsError` for a share that is no number above 0, and for other generators than StyleGAN2.
    """
    if not (share > 0 and math.isfinite(share)):
        raise ForensicsError(f"a share is a number above 0, not {share}")
    if not isinstance(generator, StyleGAN2Generator):
        raise ForensicsError("psi is moved in the styles of StyleGAN2 alone")
    w_avg = generator.w_avg[None]
    for _, layer, _ in generator.synthesis.modulated_layers():
        affine = layer.affine
        from_w_avg = (affine(w_avg) - affine(torch.zeros_like(w_avg)))[0]
        affine.bias.add_((1 - share) * from_w_avg)
        affine.weight.mul_(share)


def with_psi_moved(checkpoint: Checkpoint, share: float) -> dict[str, NetworkState]:
    """Networks of the checkpoint, its G_ema made so that psi 1 is what was psi `share`; the others stay.

    Raises `ForensicsError` for a share that is no number above 0, and for files without a G_ema of StyleGAN2.
    """
    network = checkpoint.networks.get(NETWORK)
    generator = None if network is None else build(network)
    if network is None or not isinstance(generator, StyleGAN2Generator):
        raise ForensicsError(f"{checkpoint.path}: holds no {NETWORK} of StyleGAN2")
    move_psi(generator, share)
    state = {name: value.detach().clone() for name, value in generator.state_dict().items()}
    return checkpoint.networks | {NETWORK: replace(network, state=state)}


def psi_1_was(card: dict[str, object], share: float) -> float:
    """What psi 1 was in training, of weights whose card may say that it was moved before."""
    before = card.get("psi_1_was")
    return share * (before if isinstance(before, float) else 1.0)
