"""Averages of a generator's weights: the running one of a run, and the mean of states that lie far apart.

The running average (G_ema) is over the last few kimg. What training does to a generator to and fro over tens of kimg,
where its terms pull different ways, stays in it. On the embedded generator of 128 px, a quarter of a state some 50 kimg
older made whole faces of broken ones to look at, at the price of variety and of KID, which further training is to bring
back.
Sources: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization" (UAI 2018); Yazıcı et al.,
"The Unusual Effectiveness of Averaging in GAN Training" (ICLR 2019).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from forensics.core.errors import ForensicsError
from forensics.generators.checkpoints import Checkpoint, NetworkState, build
from forensics.generators.training.options import TrainingOptions

_NAME = "G_ema"


@torch.no_grad()
def move_average(average: nn.Module, trained: nn.Module, options: TrainingOptions, nimg: int) -> None:
    """Move the running average towards the trained generator; its half-life grows with the run (ramp-up)."""
    o = options.average
    half_life = o.ema_kimg * 1000
    if o.ema_rampup:
        half_life = min(half_life, nimg * o.ema_rampup)
    beta = o.ema_decay or 0.5 ** (options.batch / max(half_life, 1e-8))
    for mean, current in zip(average.parameters(), trained.parameters(), strict=True):
        mean.lerp_(current, 1 - beta)
    for copied, buffer in zip(average.buffers(), trained.buffers(), strict=True):
        copied.copy_(buffer)


def track_magnitudes(generator: nn.Module, options: TrainingOptions, on: bool) -> None:
    """StyleGAN3's layers follow the magnitude of their input while the discriminator's fakes are made."""
    half_life = options.average.magnitude_ema_kimg * 1000
    if not half_life:
        return
    beta = 0.5 ** (options.batch / half_life)
    for module in generator.modules():
        if hasattr(module, "magnitude_ema"):
            module.update_ema, module.magnitude_ema_beta = on, beta  # type: ignore[assignment]


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


def card_of_mean(parts: Sequence[tuple[float, Checkpoint]]) -> dict[str, object]:
    """The card of the first part and `mean_of`, the shares and hashes of all."""
    shares = [[share, checkpoint.sha256] for share, checkpoint in parts]
    # What psi 1 was in the first says nothing of the mean.
    card = {name: value for name, value in parts[0][1].card.items() if name != "psi_1_was"}
    return card | {"mean_of": shares}
